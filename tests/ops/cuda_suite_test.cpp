// The generic suite's comparisons for the CUDA backend, whose kernels run on the CPU here
// (tests/emulate): what they compute is checked on every machine, how fast only on a GPU.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "suan/backend/cuda/backend.h"
#include "suan/backend/cuda/null_gpu.h"
#include "suan/backend/cuda/open.h"
#include "suan/backend/cuda/prelude.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

class CudaOps : public testing::TestWithParam<NamedCases> {
 protected:
  template <class F>
  void for_each_case(std::initializer_list<DType> dtypes, F&& f) {
    for (DType dtype : dtypes) {
      for (const OpCase& c : GetParam().cases->cases) {
        SCOPED_TRACE(fmt::format("{} {}", name(dtype), c.name));
        try {
          f(c, dtype);
        } catch (const Error& error) {
          ADD_FAILURE() << error.what();
        }
      }
    }
  }
  // All kernels of the cases are compiled at once before they run.
  template <class F>
  void compare(std::initializer_list<DType> dtypes, F&& f) {
    emulate::EmulatedGpu& gpu = emulate::emulated_gpu();
    gpu.collect(true);
    for_each_case(dtypes, [](const OpCase& c, DType dtype) {
      try {
        run_once(c, dtype, emulate::emulated_backend());
      } catch (
          const Error& error) {  // of what runs on the CPU, on numbers that nobody has computed
        RecordProperty("collecting", error.what());
      }
    });
    gpu.collect(false);
    gpu.compile_collected();
    for_each_case(dtypes,
                  [&](const OpCase& c, DType dtype) { f(c, dtype, emulate::emulated_backend()); });
  }
};

TEST_P(CudaOps, GiveTheReferenceResultsInFloatDtypes) {
  compare({DType::f64, DType::f32, DType::bf16, DType::f16}, compare_floats);
}
TEST_P(CudaOps, GiveTheSameWholeNumbersInIntegerDtypes) {
  compare({DType::i64, DType::i32, DType::i8, DType::u8}, compare_integers);
}

// Every source that the cases make is one that NVRTC compiles for Hopper.
TEST_P(CudaOps, HaveSourcesThatCompile) {
  static cuda::NullGpu* const gpu = new cuda::NullGpu;
  static const Backend* const backend = cuda::make_backend(*gpu).release();
  gpu->sources.clear();
  for_each_case({DType::f64, DType::f32, DType::bf16, DType::f16, DType::i64, DType::i32, DType::i8,
                 DType::u8},
                [](const OpCase& c, DType dtype) {
                  try {
                    run_once(c, dtype, *backend);
                  } catch (const Error& error) {  // of what runs on the CPU, on made-up numbers
                    RecordProperty("collecting", error.what());
                  }
                });
  static std::set<std::string> compiled;
  std::string all = cuda::kernel_prelude();
  for (const auto& [name, text] : gpu->sources) {
    if (compiled.insert(name).second) all += text;
  }
  constexpr int kHopper = 90;
  try {
    EXPECT_FALSE(cuda::nvrtc_compile(all, kHopper).empty());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kUnsupported) GTEST_SKIP() << error.what();
    ADD_FAILURE() << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(All, CudaOps, testing::ValuesIn(all_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace suan
