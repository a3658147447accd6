// libsuan_cuda.so on a machine without a GPU: why there is none, and the compiler, which needs
// none. The rest runs in processes of its own on a driver that is not real (fake_gpu.cpp).
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>

#include "suan/backend/cuda/open.h"
#include "suan/backend/cuda/prelude.h"
#include "suan/base/error.h"
#include "tests/expect_error.h"

namespace suan::cuda {
namespace {

constexpr int kHopper = 90;

// Why nothing can be compiled here; "" where it can.
std::string why_no_compiler() {
  try {
    nvrtc_compile("", kHopper);
    return "";
  } catch (const Error& error) {
    return error.code() == ErrorCode::kUnsupported ? error.what() : "";
  }
}

#define SKIP_WITHOUT_COMPILER() \
  if (const std::string why = why_no_compiler(); !why.empty()) GTEST_SKIP() << why

TEST(CudaDriver, says_in_one_line_why_there_is_no_gpu) {
  std::string why_not;
  const auto gpu = open_gpu(0, Memory::plain, why_not);
  EXPECT_EQ(gpu == nullptr, !why_not.empty());
  EXPECT_EQ(why_not.find('\n'), std::string::npos) << why_not;
  std::string why_none;
  const int count = count_gpus(why_none);
  if (count == 0) {
    EXPECT_EQ(why_not, why_none);
  } else {
    EXPECT_EQ(open_gpu(count, Memory::plain, why_not), nullptr);
    EXPECT_EQ(why_not, fmt::format("there is no GPU {}, this machine has {}", count, count));
  }
}

TEST(CudaDriver, compiles_without_a_gpu) {
  SKIP_WITHOUT_COMPILER();
  const std::string code = nvrtc_compile(kernel_prelude() + R"(
    struct P { float* x; int64_t n; };
    SUAN_GLOBAL(twice, P) {
      for (int64_t i = thread_number(); i < p.n; i += thread_count()) {
        put(p.x, i, rows::exp(get<float>(p.x, i)));
      }
    })",
                                         kHopper);
  EXPECT_EQ(code.substr(1, 3), "ELF");
  EXPECT_NE(code.find("twice"), std::string::npos);
}

TEST(CudaDriver, code_for_chips_that_the_compiler_does_not_know_is_virtual) {
  SKIP_WITHOUT_COMPILER();
  const std::string code = nvrtc_compile("extern \"C\" __global__ void f() {}", 999);
  EXPECT_NE(code.find(".target sm_"), std::string::npos);
  EXPECT_EQ(code.back(), '\0');
}

TEST(CudaDriver, shows_the_first_error_of_the_compiler) {
  SKIP_WITHOUT_COMPILER();
  EXPECT_ERROR(
      nvrtc_compile("\n__device__ void f() { g(); }\n__device__ void h() { i(); }", kHopper),
      kSystem, "cuda: kernel.cu(2): error: identifier \"g\" is undefined");
}

// The program of fake_gpu.cpp, beside which the fake driver lies.
std::filesystem::path fake_program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "fake_gpu" /
         "suan_fake_gpu";
}

// Runs some of its tests: whether they pass.
bool pass_on_fake_driver(const std::string& tests, const std::string& environment) {
  const std::string command = fmt::format(
      "SUAN_CUDA_LIBRARIES='{}' {} '{}' --gtest_brief=1 --gtest_output= --gtest_filter='{}'",
      fake_program().parent_path().string(), environment, fake_program().string(), tests);
  const int status = std::system(command.c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#define SKIP_WITHOUT_FAKE_DRIVER() \
  if (!std::filesystem::exists(fake_program())) GTEST_SKIP() << "this build has no CUDA part"

TEST(CudaDriver, moves_and_records_on_a_fake_driver) {
  SKIP_WITHOUT_FAKE_DRIVER();
  EXPECT_TRUE(pass_on_fake_driver("FakeGpu.*", ""));
  EXPECT_TRUE(pass_on_fake_driver("FakeGpuPeers.*", "FAKE_CUDA_DEVICES=2"));
}

TEST(CudaDriver, describes_convolutions_as_cudnn_wants_them) {
  SKIP_WITHOUT_FAKE_DRIVER();
  EXPECT_TRUE(pass_on_fake_driver("CudnnGraphs.*", ""));
}

TEST(CudaDriver, describes_attention_as_cudnn_wants_it) {
  SKIP_WITHOUT_FAKE_DRIVER();
  const std::string absent = (fake_program().parent_path() / "absent").string();
  EXPECT_TRUE(pass_on_fake_driver("CudnnAttentionGraphs.*", "LD_LIBRARY_PATH='" + absent + "'"));
}

TEST(CudaDriver, keeps_the_failure_of_work_until_somebody_waits) {
  SKIP_WITHOUT_FAKE_DRIVER();
  EXPECT_TRUE(pass_on_fake_driver("FakeGpuFault.*", ""));
}

TEST(CudaDriver, says_why_cupti_refuses) {
  SKIP_WITHOUT_FAKE_DRIVER();
  EXPECT_TRUE(pass_on_fake_driver("FakeGpuRefusal.*", "FAKE_CUPTI_REFUSES=1"));
}

TEST(CudaDriver, says_what_a_gpu_or_driver_lacks) {
  SKIP_WITHOUT_FAKE_DRIVER();
  const std::pair<const char*, const char*> cases[] = {
      {"FAKE_CUDA_VERSION=12040",
       "the NVIDIA driver is too old: it is for CUDA 12.4, and 13.0 is needed"},
      {"FAKE_CUDA_DEVICES=0", "the NVIDIA driver finds no GPU"},
      {"FAKE_CUDA_DEVICES=1 FAKE_INDEX=3", "there is no GPU 3, this machine has 1"},
      {"FAKE_INDEX=-1", "there is no GPU -1, this machine has 1"},
      {"FAKE_CUDA_ARCHITECTURE=75",
       "GPU 0 (Fake GPU) has architecture sm_75, and sm_80 is needed"}};
  for (const auto& [environment, reason] : cases) {
    EXPECT_TRUE(pass_on_fake_driver("FakeGpuReason.*",
                                    fmt::format("{} FAKE_REASON='{}'", environment, reason)))
        << environment;
  }
}

}  // namespace
}  // namespace suan::cuda
