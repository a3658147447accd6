// Programs of engine files as ONNX models, beside the models they were compiled from.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/export_program.h"

#include <gtest/gtest.h>

#include "tests/engine/models.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

using onnx::Value;

// A convolution with channels enough to be packed, a bias, a residual and an activation: tails and
// fused regions.
ModelBuilder convnet(ModelBuilder::Size batch) {
  ModelBuilder b;
  b.input("x", {std::move(batch), 16, 12, 12}).output("y");
  b.weights("w1", {64, 16, 1, 1}).weights("b1", {64}).weights("w2", {64, 64, 3, 3});
  b.weights("w3", {64, 10});
  b.node("Conv", {"x", "w1", "b1"}, {"a"}).node("Relu", {"a"}, {"b"});
  b.node("Conv", {"b", "w2"}, {"c"}).with("pads", {1, 1, 1, 1});
  b.node("Add", {"c", "b"}, {"d"}).node("Tanh", {"d"}, {"e"}).node("Exp", {"e"}, {"f"});
  b.node("GlobalAveragePool", {"f"}, {"g"}).node("Flatten", {"g"}, {"h"});
  b.node("MatMul", {"h", "w3"}, {"y"});
  return b;
}

std::vector<std::vector<Type>> signatures_of(const std::vector<int64_t>& batches) {
  std::vector<std::vector<Type>> all;
  for (int64_t batch : batches) all.push_back({Type(DType::f32, {batch, 16, 12, 12})});
  return all;
}

// As a file on another machine would give it: read again, weights packed.
EngineFile read_back(const EngineFile& file, const TempFolder& folder) {
  write_engine_file(folder / "m.suan", file);
  return read_engine_file(folder / "m.suan");
}

TEST(ExportProgram, GivesWhatTheModelGives) {
  const TempFolder folder;
  const auto model = convnet(2).model();
  const EngineFile file = read_back(compile_engine_file(model, signatures_of({2})), folder);
  ASSERT_FALSE(file.model);
  EXPECT_FALSE(file.packed.empty());
  EXPECT_NE(to_text(file.programs[0].graph).find("fused"), std::string::npos);
  const auto exported =
      onnx::Model::parse(export_program(file, file.programs[0]).bytes(), "exported");
  ASSERT_EQ(exported->inputs().size(), 1);
  EXPECT_EQ(exported->inputs()[0].name, "x");
  EXPECT_EQ(exported->outputs()[0].name, "y");
  const std::vector<Value> x{Tensor::from(random_array({2, 16, 12, 12}, 3))};
  const auto got = floats_of(exported->interpret(x)[0]), want = floats_of(model->interpret(x)[0]);
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-4) << i;
}

TEST(ExportProgram, FindsTheFirstThatTakesTheSizes) {
  EngineFile file = compile_engine_file(convnet("batch").model(), signatures_of({1, 4}));
  file.model = nullptr;
  std::vector<onnx::Argument> wanted = file.inputs;
  EXPECT_EQ(&find_program(file, wanted, "m.suan"), file.programs.data());
  wanted[0].shape[0] = 4;
  EXPECT_EQ(&find_program(file, wanted, "m.suan"), &file.programs[1]);
  wanted[0].shape[0] = 3;
  EXPECT_ERROR(find_program(file, wanted, "m.suan"), kUnsupported,
               "m.suan: no program of it has these sizes; they take (f32[1, 16, 12, 12]), "
               "(f32[4, 16, 12, 12])");
}

TEST(ExportProgram, RefusesOutputsThatAreNoTensors) {
  EngineFile file;
  file.outputs = {{.name = "y"}};
  file.programs.resize(1);
  file.programs[0].outputs = {Value::sequence({})};
  EXPECT_ERROR(export_program(file, file.programs[0]), kUnsupported,
               "export: the output 'y' is no tensor");
}

}  // namespace
}  // namespace suan
