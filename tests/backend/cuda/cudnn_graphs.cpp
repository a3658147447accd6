// Graphs of convolutions are asked about for an H100 that is not there: cuDNN proposes engines for
// all of them. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

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
    const ConvolutionGraph graph = convolution_graph(spec, nullptr);
    const std::vector<Descriptor> configs = proposals(spec, graph, &device_);
    ASSERT_FALSE(configs.empty());
    for (const Descriptor& config : configs) {  // those that are compiled want a driver
      try {
        Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
        plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
            .set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device_)
            .finalize();
        return;
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

}  // namespace
}  // namespace suan::cuda
