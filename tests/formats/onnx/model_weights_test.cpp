// The initializers of a model: listed, replaced and written again.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "suan/formats/onnx/export.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "tests/engine/models.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::onnx {
namespace {

std::vector<std::string> names_of(const Model& model) {
  std::vector<std::string> names;
  for (const auto& [name, array] : model.initializers()) names.push_back(name);
  return names;
}
Array blank(const Shape& shape, DType dtype = DType::f32) {
  Array array(dtype, shape);
  std::fill_n(array.as<char>(), array.bytes(), char{0});
  return array;
}
std::vector<Value> rows(int64_t batch) { return {Tensor::from(random_array({batch, 16}, 3))}; }

TEST(ModelWeights, KeepTheirOrderInParts) {
  ModelBuilder b;
  b.input("x", {2}).output("y").weights("z", {2}).weights("a", {2});
  b.node("Add", {"x", "z"}, {"s"}).node("Add", {"s", "a"}, {"y"});
  const auto model = b.model();
  EXPECT_EQ(names_of(*model), (std::vector<std::string>{"z", "a"}));
  EXPECT_EQ(names_of(*Model::assemble(model->parts(), "again")), names_of(*model));
}

TEST(ModelWeights, AreReplacedByNameAndOthersStay) {
  const auto model = perceptron().model();
  const auto changed = model->with_initializers({{"w2", blank({32, 5})}}, "w");
  EXPECT_EQ(names_of(*changed), names_of(*model));
  EXPECT_EQ(floats_of(changed->interpret(rows(1))[0]), std::vector<float>(5, 0.2F));
  EXPECT_NE(floats_of(model->interpret(rows(1))[0]), std::vector<float>(5, 0.2F));
  const auto back = changed->with_initializers({{"w2", model->initializers()[1].array}}, "w");
  EXPECT_EQ(floats_of(back->interpret(rows(3))[0]), floats_of(model->interpret(rows(3))[0]));
}

TEST(ModelWeights, ThatDoNotFitAreRefused) {
  const auto model = perceptron().model();
  EXPECT_ERROR(model->with_initializers({{"w3", blank({32, 5})}}, "w.safetensors"),
               kInvalidArgument, "w.safetensors: there is no initializer 'w3', did you mean 'w1'?");
  EXPECT_ERROR(model->with_initializers({{"w2", blank({5, 32})}}, "w.safetensors"),
               kInvalidArgument, "w.safetensors: 'w2' is f32[5, 32], expected f32[32, 5]");
  EXPECT_ERROR(model->with_initializers({{"w2", blank({32, 5}, DType::f16)}}, "w.safetensors"),
               kInvalidArgument, "w.safetensors: 'w2' is f16[32, 5], expected f32[32, 5]");
  ModelBuilder bare;
  bare.input("x", {2}).output("y").node("Exp", {"x"}, {"y"});
  EXPECT_ERROR(bare.model()->with_initializers({{"w", blank({2})}}, "w.safetensors"),
               kInvalidArgument, "w.safetensors: holds 'w', the model has no initializers");
}

TEST(ModelWeights, AreWrittenInOneFileOrTwo) {
  const TempFolder folder;
  const auto model = perceptron().model();
  const auto want = floats_of(model->interpret(rows(3))[0]);
  model->save(folder / "one.onnx");
  EXPECT_FALSE(std::filesystem::exists(folder / "one.onnx.data"));
  model->save(folder / "two.onnx", 1000);
  EXPECT_EQ(std::filesystem::file_size(folder / "two.onnx.data"), 16 * 32 * 4);  // w2 is small
  for (const char* name : {"one.onnx", "two.onnx"}) {
    const auto read = Model::load(folder / name);
    EXPECT_EQ(names_of(*read), names_of(*model));
    EXPECT_EQ(to_string(read->inputs()[0].shape), "[batch, 16]");
    EXPECT_EQ(floats_of(read->interpret(rows(3))[0]), want);
  }
}

TEST(ModelWeights, OfAnExportStayInMemory) {
  const Tensor x = make_input({DType::f32, {2}}, "x");
  const Tensor w = Tensor::from(random_array({2}, 1));
  const auto exported = export_model({"g", {x}, {x * w}, {}});
  const auto model = Model::assemble(exported.parts(), "exported");
  ASSERT_EQ(model->initializers().size(), 1);
  EXPECT_EQ(model->initializers()[0].array.buffer, w.array().buffer);
  const std::vector<Value> ones{full(1, {2})};
  EXPECT_EQ(floats_of(model->interpret(ones)[0]), floats_of(Value(w)));
}

// Two weights a byte in the file; in memory a byte each, once somebody wants them.
TEST(ModelWeights, OfFourBitsWaitInTheirFile) {
  const TempFolder folder;
  for (const DType dtype : {DType::i4, DType::u4}) {
    ::onnx::ModelProto proto;
    proto.set_ir_version(10);
    proto.add_opset_import()->set_version(21);
    proto.mutable_graph()->set_name("test");
    auto& t = *proto.mutable_graph()->add_initializer();
    t.set_name("w");
    t.set_data_type(dtype == DType::i4 ? 22 : 21);
    t.add_dims(500);
    t.add_dims(401);
    std::string bytes(500 * 401 / 2, '\0');
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7);
    t.set_raw_data(bytes);
    ::onnx::NodeProto& node = *proto.mutable_graph()->add_node();
    node.set_op_type("Identity");
    node.add_input("w");
    node.add_output("y");
    proto.mutable_graph()->add_output()->set_name("y");
    std::ofstream(folder / "m.onnx") << proto.SerializeAsString();
    const auto model = Model::load(folder / "m.onnx");
    const Array w = model->initializers()[0].array;
    EXPECT_FALSE(w.buffer->is_made());
    EXPECT_EQ(w.bytes(), 500U * 401);
    for (size_t i = 0; i < w.bytes(); ++i) {
      const int half = static_cast<uint8_t>(bytes[i / 2]) >> (i % 2 * 4) & 15;
      const int value = dtype == DType::i4 && half > 7 ? half - 16 : half;
      ASSERT_EQ(w.as<int8_t>()[i], value) << i;
    }
  }
}

}  // namespace
}  // namespace suan::onnx
