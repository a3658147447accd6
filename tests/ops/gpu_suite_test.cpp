// The generic suite's comparisons on this machine's GPU; gradients are part of them. Where there is
// no GPU they are skipped with the reason. SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "suan/backend/cuda/open.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

// Why GPU 0 cannot be used; empty: it can. Found out once.
const std::string& why_no_gpu() {
  static const std::string reason = [] {
    try {
      std::string why_not;
      if (cuda::count_gpus(why_not) == 0) return why_not;
      cuda_backend();
      return std::string();
    } catch (const Error& error) {
      return std::string(error.what());
    }
  }();
  return reason;
}

// Without a driver one op stands for all, so that the reason is not printed for each.
std::vector<NamedCases> cases_here() {
  std::vector<NamedCases> cases = all_cases();
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
  if (driver) dlclose(driver);
  return driver ? cases : std::vector<NamedCases>(cases.begin(), cases.begin() + 1);
}

class GpuOps : public testing::TestWithParam<NamedCases> {
 protected:
  void SetUp() override {
    if (!why_no_gpu().empty()) GTEST_SKIP() << why_no_gpu();
  }
  template <class Compare>
  void compare(std::initializer_list<DType> dtypes, Compare&& f) {
    for (DType dtype : dtypes) {
      for (const OpCase& c : GetParam().cases->cases) {
        SCOPED_TRACE(fmt::format("{} {}", name(dtype), c.name));
        try {
          f(c, dtype, cuda_backend());
        } catch (const Error& error) {
          ADD_FAILURE() << error.what();
        }
      }
    }
  }
};

TEST_P(GpuOps, GiveTheReferenceResultsInF64) { compare({DType::f64}, compare_floats); }
TEST_P(GpuOps, GiveTheReferenceResultsInF32) { compare({DType::f32}, compare_floats); }
TEST_P(GpuOps, GiveTheReferenceResultsInBf16) { compare({DType::bf16}, compare_floats); }
TEST_P(GpuOps, GiveTheReferenceResultsInF16) { compare({DType::f16}, compare_floats); }
TEST_P(GpuOps, GiveTheSameWholeNumbersInIntegerDtypes) {
  compare({DType::i64, DType::i32, DType::i8, DType::u8}, compare_integers);
}

INSTANTIATE_TEST_SUITE_P(All, GpuOps, testing::ValuesIn(cases_here()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace suan
