// Graphs of convolutions and attention are asked about for an H100 that is not there: cuDNN
// proposes engines for all of them. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "suan/backend/cuda/driver/attention_graph.h"
#include "suan/backend/cuda/driver/convolution_graph.h"
#include "suan/base/error.h"

namespace suan::cuda {
namespace {

constexpr char kHopper[] =
    R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,)"
    R"("multiProcessorCount":132,"warpSize":32,"maxSharedMemoryPerBlock":49152,)"
    R"("maxSharedMemoryPerBlockOptin":232448,"reservedSharedMemoryPerBlock":1024,)"
    R"("maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,)"
    R"("maxThreadsPerSM":2048,"pciDeviceId":0,"isTccDriver":0,"supportCoopLaunch":1,)"
    R"("totalGlobalMem":85000000000,"smClockRateKHz":1980000,"memClockRateKHz":2619000,)"
    R"("l2CacheSize":52428800,"cudaDeviceId":0,"deviceVer":900,"driverVer":13000,)"
    R"("deviceName":"NVIDIA H100 80GB HBM3"})";

class CudnnGraphs : public testing::Test {
 protected:
  void SetUp() override {
    if (!cudnn().why_not.empty()) GTEST_SKIP() << cudnn().why_not;
    device_
        .set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, sizeof(kHopper) - 1,
             kHopper)
        .finalize();
  }
  void expect_engines(const ConvolutionSpec& spec) {
    const OperationGraph graph = convolution_graph(spec, nullptr);
    const std::vector<Descriptor> configs = proposals(graph, spec.dtype, spec.tf32, &device_);
    ASSERT_FALSE(configs.empty());
    expect_plan(configs, SIZE_MAX);
  }
  // Some plan takes no more than that.
  void expect_plan(const std::vector<Descriptor>& configs, size_t workspace_bytes) {
    for (const Descriptor& config : configs) {  // those that are compiled want a driver
      try {
        Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
            .set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device_)
            .finalize();
        int64_t bytes = 0;
        plan.get(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, std::span(&bytes, 1));
        if (static_cast<size_t>(bytes) <= workspace_bytes) return;
      } catch (const Error&) {
        continue;
      }
    }
    ADD_FAILURE() << "no plan";
  }
  Descriptor device_{CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR};
};

constexpr ConvolutionKind kKinds[] = {ConvolutionKind::forward, ConvolutionKind::data_gradient,
                                      ConvolutionKind::weight_gradient};

ConvolutionSpec planar() {
  ConvolutionSpec spec;
  spec.x = {8, 64, 56, 56};
  spec.w = {128, 64, 3, 3};
  spec.y = {8, 128, 28, 28};
  spec.stride = {2, 2};
  spec.dilation = {1, 1};
  spec.before = spec.after = {1, 1};
  return spec;
}

TEST_F(CudnnGraphs, of_all_kinds_and_types_have_engines) {
  for (const ConvolutionKind kind : kKinds) {
    for (const DType dtype : {DType::bf16, DType::f16, DType::f32, DType::f64}) {
      SCOPED_TRACE(fmt::format("kind {} {}", static_cast<int>(kind), name(dtype)));
      ConvolutionSpec spec = planar();
      spec.kind = kind;
      spec.dtype = dtype;
      expect_engines(spec);
      spec.before = {0, 1};  // not the same on both sides
      spec.after = {1, 0};
      expect_engines(spec);
      spec.tf32 = true;
      expect_engines(spec);
    }
  }
}

TEST_F(CudnnGraphs, of_one_and_three_dimensions_have_engines) {
  for (const ConvolutionKind kind : kKinds) {
    ConvolutionSpec spec{kind, {4, 16, 100}, {32, 16, 5}, {4, 32, 100}, {1}, {1}, {2}, {2}};
    expect_engines(spec);
    spec = {kind,      {2, 16, 8, 20, 20}, {32, 16, 3, 3, 3}, {2, 32, 8, 20, 20},
            {1, 1, 1}, {1, 1, 1},          {1, 1, 1},         {1, 1, 1}};
    expect_engines(spec);
  }
}

TEST_F(CudnnGraphs, in_groups_have_engines) {
  for (const ConvolutionKind kind : kKinds) {
    for (const int64_t groups : {2, 64}) {
      ConvolutionSpec spec = planar();
      spec.kind = kind;
      spec.dtype = DType::bf16;
      spec.groups = groups;
      spec.w[1] = 64 / groups;
      expect_engines(spec);
    }
  }
}

TEST_F(CudnnGraphs, with_bias_residual_and_relu_have_engines_without_compiling) {
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
    for (const bool residual : {false, true}) {
      for (const Activation activation : {Activation::none, Activation::relu}) {
        ConvolutionSpec spec = planar();
        spec.dtype = dtype;
        spec.epilogue = {true, residual, activation};
        expect_engines(spec);
      }
    }
  }
}

// cuDNN compiles these, for which it has to find a libcuda.so.1 (absent_driver.cpp).
class CudnnAttentionGraphs : public CudnnGraphs {
 protected:
  void expect_engines(const AttentionSpec& spec) {
    SCOPED_TRACE(fmt::format("{} h {} {} t {} s {} d {}{}{}{}", name(spec.dtype), spec.h, spec.h_kv,
                             spec.t, spec.s, spec.d, spec.causal ? " causal" : "",
                             spec.heads_inside ? " inside" : "", spec.gradient ? " gradient" : ""));
    const OperationGraph graph = attention_graph(spec, nullptr);
    const std::vector<Descriptor> configs = proposals(graph, spec.dtype, false, &device_);
    ASSERT_FALSE(configs.empty());
    expect_plan(configs, workspace_bytes(spec));
  }
  // As backend/cuda/cudnn_attention.cpp gives it.
  static size_t workspace_bytes(const AttentionSpec& s) {
    constexpr size_t kAlways = size_t{8} << 20;
    if (!s.gradient) return kAlways;
    const auto padded = [](int64_t rows) { return (rows + 127) / 128 * 128; };
    const int64_t scores = s.b * s.h * padded(s.t) * padded(s.s) * 2;
    const int64_t keys = s.h == s.h_kv ? 0 : s.b * s.h * s.s * s.d * 4;
    return kAlways + static_cast<size_t>(scores + keys);
  }
};

// Every two of the forms together, without all of them: each takes cuDNN most of a second.
TEST_F(CudnnAttentionGraphs, of_all_forms_have_engines) {
  struct Form {
    DType dtype;
    int64_t d, h_kv;
    bool causal, heads_inside;
  };
  const Form forms[] = {{DType::bf16, 64, 8, true, true},  {DType::bf16, 128, 2, false, false},
                        {DType::f16, 64, 2, true, false},  {DType::f16, 128, 8, false, true},
                        {DType::bf16, 128, 2, true, true}, {DType::f16, 64, 8, false, false}};
  for (const Form& form : forms) {
    for (const bool gradient : {false, true}) {
      expect_engines({.gradient = gradient,
                      .b = 2,
                      .h = 8,
                      .h_kv = form.h_kv,
                      .t = 256,
                      .s = 256,
                      .d = form.d,
                      .causal = form.causal,
                      .heads_inside = form.heads_inside,
                      .dtype = form.dtype});
    }
  }
}

TEST_F(CudnnAttentionGraphs, of_any_size_have_engines) {
  struct Sizes {
    int64_t t, s, d;
    bool causal;
  };
  const Sizes all[] = {
      {1, 1000, 64, false}, {7, 7, 32, true}, {100, 1000, 80, true}, {300, 90, 40, false}};
  for (const auto& [t, s, d, causal] : all) {
    for (const bool gradient : {false, true}) {
      expect_engines({.gradient = gradient,
                      .b = 3,
                      .h = 6,
                      .h_kv = 3,
                      .t = t,
                      .s = s,
                      .d = d,
                      .causal = causal});
    }
  }
}

}  // namespace
}  // namespace suan::cuda
