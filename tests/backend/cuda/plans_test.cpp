// Training steps of ten models as a GPU would run them, on the GPU that computes nothing: which
// kernels are chosen (plans.txt), that all of it stays on the device, that values which live at the
// same time have memory of their own, and that what is recorded is what ran.
// SUAN_UPDATE_PLANS=1 writes plans.txt anew. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "suan/backend/cuda/backend.h"
#include "suan/backend/cuda/null_gpu.h"
#include "suan/models/create.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/leaf.h"
#include "suan/optim/adam.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/source_dir.h"

namespace suan {
namespace {

struct Model {
  std::string name;
  models::Config config;
  std::vector<Type> inputs;
  Shape labels;
};

Type image(int64_t channels, int64_t size) { return {DType::f32, {2, channels, size, size}}; }

std::vector<Model> ten_models() {
  const Type tokens(DType::i64, {2, 64});
  std::vector<Model> models;
  for (const char* name : {"mlp", "lenet"}) models.push_back({name, {}, {image(1, 28)}, {2}});
  models.push_back({"resnet20", {}, {image(3, 32)}, {2}});
  for (const char* name : {"resnet18", "resnet34", "resnet50", "mobilenet_v2"}) {
    models.push_back({name, {}, {image(3, 64)}, {2}});
  }
  models.push_back({"gpt", {}, {tokens}, {2, 64}});
  models.push_back(
      {"lstm", {{"vocabulary", "100"}}, {{DType::i64, {2, 6}}, {DType::i64, {2}}}, {2}});
  models.push_back(
      {"gcn",
       {{"features", "12"}},
       {{DType::f32, {9, 12}}, {DType::i64, {10}}, {DType::i64, {20}}, {DType::f32, {20}}},
       {9}});
  return models;
}

std::string file() { return source_dir() + "/tests/backend/cuda/plans.txt"; }

// "lenet: cublas 6, cuda_region 26, ..."
std::string counts_of(const std::string& model, const Plan& plan) {
  std::map<std::string, int> counts;
  for (const PlannedStep& step : plan.steps) ++counts[step.kernel ? step.kernel->name : "copy"];
  std::string text = model + ":";
  for (const auto& [kernel, count] : counts) text += fmt::format(" {} {},", kernel, count);
  text.back() = '\n';
  return text;
}

std::string expected_counts(const std::string& model) {
  std::ifstream in(file());
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(model + ":")) return line + '\n';
  }
  return "nothing\n";
}

// Whether two values that live at the same time share memory.
void expect_apart(const Plan& plan) {
  std::vector<const Storage*> placed;
  for (const Storage& s : plan.storages) {
    if (s.place == Place::arena && s.bytes > 0) placed.push_back(&s);
  }
  for (size_t i = 0; i < placed.size(); ++i) {
    EXPECT_LE(placed[i]->offset + placed[i]->bytes, plan.arena_bytes);
    for (size_t j = i + 1; j < placed.size(); ++j) {
      const Storage &a = *placed[i], &b = *placed[j];
      const bool together = a.first <= b.last && b.first <= a.last;
      const bool overlap = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      if (together && overlap) ADD_FAILURE() << "storages " << i << " and " << j;
    }
  }
}

class GpuPlan : public testing::TestWithParam<Model> {
 protected:
  void SetUp() override { set_backend(backend()); }
  void TearDown() override { set_backend("cpu"); }
  // What has been compiled for a backend may outlive a test.
  static cuda::NullGpu& gpu() {
    static auto* const gpu = new cuda::NullGpu;
    return *gpu;
  }
  static const Backend& backend() {
    static const Backend* const backend = cuda::make_backend(gpu()).release();
    return *backend;
  }
};

TEST_P(GpuPlan, IsOnTheDeviceAsAWhole) {
  const Model& model = GetParam();
  const auto net = models::create(model.name, model.config);
  optim::AdamW adamw(net->module().parameters(), {.lr = 1e-3F});
  CompiledFunction step(
      [&](const std::vector<Tensor>& args) -> std::vector<Tensor> {
        const std::vector<Tensor> inputs(args.begin(), args.end() - 1);
        const Tensor loss = cross_entropy((*net)(inputs), args.back());
        adamw.step(grad(loss, net->module().parameters()));
        return {loss};
      },
      {.precision = Arithmetic::bf16});
  std::vector<Tensor> args;
  for (const Type& type : model.inputs) args.push_back(zeros(type.shape, type.dtype));
  args.push_back(zeros(model.labels, DType::i64));

  realise(args);

  const Plan& plan = step.program(args)->plan();
  for (const PlannedStep& planned : plan.steps) {
    EXPECT_TRUE(!planned.kernel || planned.on_device) << planned.kernel->name;
  }
  EXPECT_EQ(plan.host_arena_bytes, 0u);
  expect_apart(plan);
  if (std::getenv("SUAN_UPDATE_PLANS")) {
    std::ofstream(file(), std::ios::app) << counts_of(model.name, plan);
  } else {
    EXPECT_EQ(counts_of(model.name, plan), expected_counts(model.name));
  }

  const auto kernels_of = [&] {
    gpu().sent.clear();
    step(args);
    std::erase_if(gpu().sent, [](const std::string& what) {
      return what == "upload" || what == "download" || what == "copy";
    });
    return gpu().sent;
  };
  const std::vector<std::string> ran = kernels_of(), recorded = kernels_of(), played = kernels_of();
  EXPECT_GT(ran.size(), 5u);
  EXPECT_EQ(recorded, ran);
  EXPECT_TRUE(played.empty());  // by the device itself
}

INSTANTIATE_TEST_SUITE_P(All, GpuPlan, testing::ValuesIn(ten_models()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace suan
