// The generic suite's comparisons on this machine's GPU; gradients are part of them. Where there is
// no GPU they are skipped with the reason. SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstring>

#include "suan/autodiff/gradient.h"
#include "suan/backend/cuda/open.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/ops/reduce.h"
#include "tests/ops/attention_case.h"
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

constexpr AttentionCaseSizes kAttention[] = {
    {2, 4, 4, 128, 128, 64, true, true}, {1, 4, 2, 200, 200, 128, false, false},
    {2, 6, 3, 70, 90, 64, true, false},  {1, 2, 2, 130, 300, 80, false, true},
    {3, 2, 1, 1, 150, 64, true, false},  {1, 2, 2, 33, 33, 32, true, false}};

// With a gradient of logsumexp one kernel may compute the results and another the gradients.
TEST(GpuOpsAttention, IsThatOfTheReference) {
  if (!why_no_gpu().empty()) GTEST_SKIP() << why_no_gpu();
  for (const AttentionCaseSizes& z : kAttention) {
    for (const DType dtype : {DType::bf16, DType::f16}) {
      for (const bool logsumexp : {false, true}) {
        SCOPED_TRACE(fmt::format("{} t {} s {} d {}{}", name(dtype), z.t, z.s, z.d,
                                 logsumexp ? " logsumexp" : ""));
        compare_floats(attention_case(z, logsumexp), dtype, cuda_backend());
      }
    }
  }
}

TEST(GpuOpsAttention, HasTheSameBitsInEveryRun) {
  if (!why_no_gpu().empty()) GTEST_SKIP() << why_no_gpu();
  const OpCase c = attention_case({2, 8, 2, 512, 512, 64, true, true}, false);
  const auto inputs = make_inputs(c, DType::bf16);
  Graph graph;
  for (const Array& x : inputs) graph.inputs.push_back(make_input(Type(x.dtype, x.shape), ""));
  graph.outputs = c.build(graph.inputs);
  const Tensor y = graph.outputs[0];
  for (const Tensor& g : gradients(sum(y * y), graph.inputs)) graph.outputs.push_back(g);
  Runner runner(graph, cuda_backend());
  const auto first = runner.run(inputs);
  for (int i = 0; i < 10; ++i) {
    const auto again = runner.run(inputs);
    for (size_t o = 0; o < first.size(); ++o) {
      EXPECT_EQ(std::memcmp(again[o].buffer->data(), first[o].buffer->data(), first[o].bytes()), 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, GpuOps, testing::ValuesIn(cases_here()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace suan
