// Small ONNX models for the tests of engines: built in memory, with random weights.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "suan/base/random.h"
#include "suan/formats/onnx/model.h"

namespace suan::onnx {

class ModelBuilder {
 public:
  ModelBuilder() {
    proto_.set_ir_version(8);
    proto_.add_opset_import()->set_version(17);
    graph().set_name("small");
  }
  // A size of 0 is open and has the name "batch".
  ModelBuilder& input(const std::string& name, const std::vector<int64_t>& sizes) {
    auto& type = *graph().add_input();
    type.set_name(name);
    type.mutable_type()->mutable_tensor_type()->set_elem_type(1);
    auto& shape = *type.mutable_type()->mutable_tensor_type()->mutable_shape();
    for (int64_t size : sizes) {
      if (size == 0) {
        shape.add_dim()->set_dim_param("batch");
      } else {
        shape.add_dim()->set_dim_value(size);
      }
    }
    return *this;
  }
  ModelBuilder& weight(const std::string& name, const std::vector<int64_t>& sizes,
                       float scale = 0.2f) {
    auto& tensor = *graph().add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(1);
    int64_t numel = 1;
    for (int64_t size : sizes) {
      tensor.add_dims(size);
      numel *= size;
    }
    std::vector<float> values;
    for (int64_t i = 0; i < numel; ++i) {
      values.push_back(scale * static_cast<float>(2 * random_.uniform() - 1));
    }
    tensor.set_raw_data(values.data(), values.size() * sizeof(float));
    return *this;
  }
  ModelBuilder& node(const std::string& op, const std::vector<std::string>& inputs,
                     const std::string& output, int64_t pads = -1) {
    auto& made = *graph().add_node();
    made.set_op_type(op);
    made.set_name(output);
    for (const std::string& name : inputs) made.add_input(name);
    made.add_output(output);
    if (pads >= 0) {
      auto& attribute = *made.add_attribute();
      attribute.set_name("pads");
      attribute.set_type(::onnx::AttributeProto::INTS);
      for (int i = 0; i < 4; ++i) attribute.add_ints(pads);
    }
    return *this;
  }
  std::shared_ptr<const Model> result(const std::vector<std::string>& names) {
    for (const std::string& name : names) graph().add_output()->set_name(name);
    return Model::parse(proto_.SerializeAsString(), "small.onnx");
  }

 private:
  ::onnx::GraphProto& graph() { return *proto_.mutable_graph(); }
  ::onnx::ModelProto proto_;
  Random random_{7};
};

// Two convolutions, one 3x3 over 64 channels, a residual, a mean and a product: 16 channels and
// more, so that weights are packed.
inline std::shared_ptr<const Model> small_convnet(int64_t batch) {
  return ModelBuilder()
      .input("x", {batch, 16, 12, 12})
      .weight("w1", {64, 16, 1, 1})
      .weight("b1", {64})
      .weight("w2", {64, 64, 3, 3})
      .weight("w3", {64, 10})
      .node("Conv", {"x", "w1", "b1"}, "a")
      .node("Relu", {"a"}, "b")
      .node("Conv", {"b", "w2"}, "c", 1)
      .node("Add", {"c", "b"}, "d")
      .node("Relu", {"d"}, "e")
      .node("GlobalAveragePool", {"e"}, "f")
      .node("Flatten", {"f"}, "g")
      .node("MatMul", {"g", "w3"}, "y")
      .result({"y", "g"});
}

inline std::vector<Value> random_arguments(const Shape& shape) {
  Random random(3);
  Array array(DType::f32, shape);
  for (float& v : array.span<float>()) v = static_cast<float>(random.uniform());
  return {Tensor::from(array)};
}

}  // namespace suan::onnx
