// How quantize and dequantize are written: the shapes of scales, and what opsets lack.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "suan/formats/onnx/export.h"
#include "suan/ops/leaf.h"
#include "suan/ops/quantize.h"
#include "tests/expect_error.h"

namespace suan::onnx {
namespace {

Tensor input(const Shape& shape, DType dtype = DType::f32) {
  return make_input({dtype, shape}, "x");
}
::onnx::GraphProto written(const Tensor& x, const Tensor& y, int64_t opset = 20) {
  ::onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(export_model({"g", {x}, {y}, {}}, {.opset = opset}).bytes()));
  return proto.graph();
}
// Without those that only name outputs.
std::vector<std::string> operators(const ::onnx::GraphProto& graph) {
  std::vector<std::string> names;
  for (const auto& node : graph.node()) {
    if (node.op_type() != "Identity") names.push_back(node.op_type());
  }
  return names;
}
// "[2, 3]" of the initializer, and the node's attribute; -1 where it has none.
std::string shape_of(const ::onnx::GraphProto& graph, const std::string& name) {
  for (const auto& t : graph.initializer()) {
    if (t.name() != name) continue;
    Shape shape = Shape::filled(t.dims_size(), 1);
    for (int i = 0; i < t.dims_size(); ++i) shape[i] = t.dims(i);
    return to_string(shape);
  }
  return "none";
}
int64_t attribute(const ::onnx::NodeProto& node, std::string_view name) {
  for (const auto& a : node.attribute()) {
    if (a.name() == name) return a.i();
  }
  return -1;
}
Tensor units(const Shape& shape) {
  Array array(DType::f32, shape);
  std::fill_n(array.as<float>(), array.numel(), 1.0F);
  return Tensor::from(array);
}

TEST(ExportQuantize, WritesScalesAsTheOperatorsTakeThem) {
  struct Case {
    Shape scale;
    std::string written;
    int64_t axis, block;
  };
  const Case cases[] = {{{}, "[]", -1, 0},       {{1, 1}, "[]", -1, 0}, {{6, 1}, "[6]", 0, 0},
                        {{4}, "[4]", 1, 0},      {{1, 4}, "[4]", 1, 0}, {{3, 4}, "[3, 4]", 0, 2},
                        {{6, 2}, "[6, 2]", 1, 3}};
  for (const Case& c : cases) {
    SCOPED_TRACE(to_string(c.scale));
    const int axis = c.block ? static_cast<int>(c.axis) : 0;
    const Tensor x = input({6, 4}), q = input({6, 4}, DType::i8), scale = units(c.scale);
    const auto to = written(x, quantize(x, scale, {}, {.axis = axis, .block = c.block}), 21);
    const auto from = written(q, dequantize(q, scale, {}, {.axis = axis, .block = c.block}), 21);
    EXPECT_EQ(operators(to), std::vector<std::string>{"QuantizeLinear"});
    EXPECT_EQ(operators(from), std::vector<std::string>{"DequantizeLinear"});
    for (const auto& graph : {to, from}) {
      EXPECT_EQ(shape_of(graph, graph.node(0).input(1)), c.written);
      EXPECT_EQ(attribute(graph.node(0), "axis"), c.axis);
      EXPECT_EQ(attribute(graph.node(0), "block_size"), c.block ? c.block : -1);
    }
    EXPECT_EQ(shape_of(to, to.node(0).input(2)), c.written);  // zeros, which say the dtype
  }
}

// Scales along two axes at once have no operator.
TEST(ExportQuantize, WritesOtherScalesAsArithmetic) {
  const Tensor x = input({2, 6, 4});
  for (const std::string& name : operators(written(x, quantize(x, units({6, 4}), {})))) {
    EXPECT_NE(name, "QuantizeLinear");
  }
}

TEST(ExportQuantize, PassesStraightThrough) {
  const Tensor x = input({2});
  const Tensor y = quantize(straight_through(x, x), units({}), {});
  EXPECT_EQ(operators(written(x, y)), std::vector<std::string>{"QuantizeLinear"});
}

TEST(ExportQuantize, SaysWhatTheOpsetLacks) {
  const Tensor x = input({6, 4}), scale = units({});
  const auto quantized = [&](DType dtype) {
    return Graph{"g", {x}, {quantize(x, scale, {}, {.dtype = dtype})}, {}};
  };
  EXPECT_ERROR(export_model(quantized(DType::u4)), kUnsupported,
               "export: u4 needs opset 21 or later, got 20");
  EXPECT_ERROR(export_model(quantized(DType::i16)), kUnsupported,
               "export: quantization to i16 needs opset 21 or later, got 20");
  EXPECT_ERROR(export_model(quantized(DType::f8e4m3fn), {.opset = 18}), kUnsupported,
               "export: f8e4m3fn needs opset 19 or later, got 18");
  const Tensor blocks = quantize(x, units({6, 2}), {}, {.axis = 1, .block = 2});
  EXPECT_ERROR(export_model({"g", {x}, {blocks}, {}}), kUnsupported,
               "export: quantization in blocks needs opset 21 or later, got 20");
}

}  // namespace
}  // namespace suan::onnx
