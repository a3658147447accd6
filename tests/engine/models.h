// ONNX models made in memory, for the tests of engines.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <onnx/onnx_pb.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "suan/base/random.h"
#include "suan/engine/engine.h"

namespace suan {

// A model under construction: floats unless said otherwise; a size of -1 is named.
class ModelBuilder {
 public:
  ModelBuilder() {
    proto_.set_ir_version(8);
    proto_.add_opset_import()->set_version(17);
    graph().set_name("test");
  }
  struct Size {
    Size(int64_t size) : size(size) {}      // NOLINT: {"batch", 4}
    Size(const char* name) : name(name) {}  // NOLINT
    int64_t size = -1;
    std::string name;
  };
  ModelBuilder& input(const std::string& name, const std::vector<Size>& shape, int dtype = 1) {
    auto& info = *graph().add_input();
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(dtype);
    type.mutable_shape();
    for (const Size& size : shape) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (size.name.empty()) {
        dim.set_dim_value(size.size);
      } else {
        dim.set_dim_param(size.name);
      }
    }
    return *this;
  }
  ModelBuilder& output(const std::string& name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  // Random numbers in [-1, 1).
  ModelBuilder& weights(const std::string& name, const std::vector<int64_t>& shape) {
    int64_t count = 1;
    auto& t = *graph().add_initializer();
    t.set_name(name);
    t.set_data_type(1);
    for (int64_t size : shape) {
      t.add_dims(size);
      count *= size;
    }
    for (int64_t i = 0; i < count; ++i) {
      t.add_float_data(static_cast<float>(2 * random_.uniform() - 1));
    }
    return *this;
  }
  ModelBuilder& ints(const std::string& name, const std::vector<int64_t>& values) {
    auto& t = *graph().add_initializer();
    t.set_name(name);
    t.set_data_type(7);
    t.add_dims(static_cast<int64_t>(values.size()));
    for (int64_t value : values) t.add_int64_data(value);
    return *this;
  }
  ModelBuilder& node(const std::string& op, const std::vector<std::string>& in,
                     const std::vector<std::string>& out) {
    auto& n = *graph().add_node();
    n.set_op_type(op);
    n.set_name(op);
    for (const auto& name : in) n.add_input(name);
    for (const auto& name : out) n.add_output(name);
    return *this;
  }
  ModelBuilder& with(const std::string& attribute, int64_t value) {  // of the last node
    auto& a = attribute_of(attribute);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(value);
    return *this;
  }
  ModelBuilder& with(const std::string& attribute, std::initializer_list<int64_t> values) {
    auto& a = attribute_of(attribute);
    a.set_type(::onnx::AttributeProto::INTS);
    for (int64_t value : values) a.add_ints(value);
    return *this;
  }
  std::string bytes() const { return proto_.SerializeAsString(); }
  std::shared_ptr<const onnx::Model> model() const {
    return onnx::Model::parse(bytes(), "test.onnx");
  }

 private:
  ::onnx::GraphProto& graph() { return *proto_.mutable_graph(); }
  ::onnx::AttributeProto& attribute_of(const std::string& name) {
    auto& a = *graph().mutable_node(graph().node_size() - 1)->add_attribute();
    a.set_name(name);
    return a;
  }
  ::onnx::ModelProto proto_;
  Random random_{7};
};

inline Array random_array(const Shape& shape, uint64_t seed) {
  Array array(DType::f32, shape);
  Random random(seed);
  for (float& v : array.span<float>()) v = static_cast<float>(2 * random.uniform() - 1);
  return array;
}
inline std::vector<float> floats_of(const onnx::Value& value) {
  const Array array = value.tensor.array();
  return {array.as<float>(), array.as<float>() + array.numel()};
}

// y[batch, 5] = softmax(relu(x w1) w2), x [batch, 16].
inline ModelBuilder perceptron() {
  ModelBuilder b;
  b.input("x", {"batch", 16}).output("y");
  b.weights("w1", {16, 32}).weights("w2", {32, 5});
  b.node("MatMul", {"x", "w1"}, {"h"}).node("Relu", {"h"}, {"r"});
  b.node("MatMul", {"r", "w2"}, {"z"}).node("Softmax", {"z"}, {"y"});
  return b;
}

// Attention over a sequence of embedded ids: y [batch, seq, 8], mask [batch, seq] of i64.
inline ModelBuilder attention() {
  ModelBuilder b;
  b.input("ids", {"batch", "seq"}, 7).input("mask", {"batch", "seq"}, 7).output("y");
  b.weights("table", {20, 8}).ints("axis", {1});
  b.node("Gather", {"table", "ids"}, {"e"});
  b.node("Transpose", {"e"}, {"t"}).with("perm", {0, 2, 1});
  b.node("MatMul", {"e", "t"}, {"scores"});
  b.node("Unsqueeze", {"mask", "axis"}, {"rows"});
  b.node("Cast", {"rows"}, {"kept"}).with("to", 1);
  b.node("Log", {"kept"}, {"bias"});  // 0, or minus infinity
  b.node("Add", {"scores", "bias"}, {"masked"});
  b.node("Softmax", {"masked"}, {"p"});
  b.node("MatMul", {"p", "e"}, {"y"});
  return b;
}
inline std::vector<onnx::Value> sentence(int64_t batch, int64_t length, uint64_t seed) {
  Array ids(DType::i64, {batch, length}), mask(DType::i64, {batch, length});
  Random random(seed);
  for (int64_t& id : ids.span<int64_t>()) id = random.randint(0, 20);
  for (int64_t& m : mask.span<int64_t>()) m = 1;
  return {Tensor::from(ids), Tensor::from(mask)};
}

}  // namespace suan
