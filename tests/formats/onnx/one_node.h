// Models of one node, followed in both ways, for the tests of operators.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <map>
#include <set>
#include <variant>

#include "suan/base/string_pool.h"
#include "suan/engine/engine.h"
#include "suan/ops/elementwise.h"

namespace suan::onnx {

using Ints = std::vector<int64_t>;
using Floats = std::vector<double>;
using Texts = std::vector<std::string>;
using Attribute = std::variant<int64_t, double, std::string, Ints, Floats, Texts, Array>;
using Attributes = std::map<std::string, Attribute>;

inline void set(::onnx::AttributeProto& to, const Attribute& from) {
  using Proto = ::onnx::AttributeProto;
  if (const auto* i = std::get_if<int64_t>(&from)) {
    to.set_type(Proto::INT);
    to.set_i(*i);
  } else if (const auto* f = std::get_if<double>(&from)) {
    to.set_type(Proto::FLOAT);
    to.set_f(static_cast<float>(*f));
  } else if (const auto* s = std::get_if<std::string>(&from)) {
    to.set_type(Proto::STRING);
    to.set_s(*s);
  } else if (const auto* ints = std::get_if<Ints>(&from)) {
    to.set_type(Proto::INTS);
    for (int64_t v : *ints) to.add_ints(v);
  } else if (const auto* floats = std::get_if<Floats>(&from)) {
    to.set_type(Proto::FLOATS);
    for (double v : *floats) to.add_floats(static_cast<float>(v));
  } else if (const auto* texts = std::get_if<Texts>(&from)) {
    to.set_type(Proto::STRINGS);
    for (const std::string& v : *texts) to.add_strings(v);
  } else {
    const Array& array = std::get<Array>(from);
    to.set_type(Proto::TENSOR);
    const std::map<DType, int> codes{{DType::f32, 1}, {DType::u8, 2},  {DType::i8, 3},
                                     {DType::i32, 6}, {DType::i64, 7}, {DType::f16, 10},
                                     {DType::f64, 11}};
    to.mutable_t()->set_data_type(codes.at(array.dtype));
    for (int64_t size : array.shape) to.mutable_t()->add_dims(size);
    to.mutable_t()->set_raw_data(array.buffer->data(), array.bytes());
  }
}

// A model of one node. An input without a tensor is left out.
struct OneNode {
  std::string op;
  std::vector<Tensor> inputs;
  Attributes attributes = {};
  int64_t opset = 20;
  int outputs = 1;
  std::string domain = {};
  mutable std::string reason = {};  // after run(): why it was interpreted
  std::set<size_t> constants = {};  // inputs that are initializers of the model

  // The same fields one by one, for nodes that a test changes step by step.
  OneNode& in(const Tensor& tensor) { return inputs.push_back(tensor), *this; }
  OneNode& absent() { return in({}); }
  template <class T>
  OneNode& with(const std::string& name, const T& value) {
    if constexpr (std::is_integral_v<T>) {
      attributes[name] = static_cast<int64_t>(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      attributes[name] = static_cast<double>(value);
    } else {
      attributes[name] = value;
    }
    return *this;
  }
  OneNode& give(int count) { return outputs = count, *this; }

  std::shared_ptr<const Model> model() const {
    ::onnx::ModelProto proto;
    proto.set_ir_version(8);
    auto& set = *proto.add_opset_import();
    set.set_domain(domain);
    set.set_version(opset);
    auto& graph = *proto.mutable_graph();
    graph.set_name("test");
    auto& node = *graph.add_node();
    node.set_op_type(op);
    node.set_domain(domain);
    node.set_name("it");
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::string name = inputs[i] ? "x" + std::to_string(i) : "";
      node.add_input(name);
      if (!inputs[i]) continue;
      if (constants.contains(i)) {
        ::onnx::AttributeProto holder;
        onnx::set(holder, inputs[i].array());
        *graph.add_initializer() = holder.t();
        graph.mutable_initializer()->rbegin()->set_name(name);
      } else {
        graph.add_input()->set_name(name);
      }
    }
    for (int i = 0; i < outputs; ++i) {
      node.add_output("y" + std::to_string(i));
      graph.add_output()->set_name("y" + std::to_string(i));
    }
    for (const auto& [name, value] : attributes) {
      auto& attribute = *node.add_attribute();
      attribute.set_name(name);
      onnx::set(attribute, value);
    }
    return Model::parse(proto.SerializeAsString(), "test.onnx");
  }
  std::vector<Value> arguments() const {
    std::vector<Value> list;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i] && !constants.contains(i)) list.emplace_back(Tensor::from(inputs[i].array()));
    }
    return list;
  }
  // Both ways of following must agree.
  std::vector<Tensor> run() const {
    std::vector<Tensor> all;
    const auto interpreted = model()->interpret(arguments());
    Engine engine(model());
    const auto compiled = engine.run(arguments());
    reason = engine.interpreted_because(arguments());
    for (size_t i = 0; i < compiled.size(); ++i) {
      all.push_back(compiled[i].tensor);
      EXPECT_EQ(to_string(all[i].type()), to_string(interpreted[i].tensor.type()));
      if (all[i].dtype() == DType::string) {
        EXPECT_EQ(texts(all[i]), texts(interpreted[i].tensor));
      } else {
        expect_same(numbers(all[i]), numbers(interpreted[i].tensor));
      }
    }
    return all;
  }
  // The message with which both ways of following refuse the node.
  std::string error() const {
    std::string messages[2];
    for (const bool interpret : {true, false}) {
      std::string& message = messages[interpret];
      try {
        Engine(model(), {.interpret = interpret}).run(arguments());
        message = "no error";
      } catch (const Error& e) {
        message = e.what();
        const std::string head = "node 'it' (" + op + "): ";
        if (message.starts_with(head)) message.erase(0, head.size());
      }
    }
    EXPECT_EQ(messages[0], messages[1]);
    return messages[1];
  }
  static void expect_same(const std::vector<double>& a, const std::vector<double>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
      EXPECT_NEAR(a[i], b[i], 1e-6 + 1e-5 * std::abs(a[i])) << i;
    }
  }
  static Texts texts(const Tensor& t) {
    Texts list;
    const Array array = t.array();
    for (StringId id : array.span<StringId>()) list.emplace_back(text_of(id));
    return list;
  }
  static std::vector<double> numbers(const Tensor& t) {
    const Array array = cast(t, DType::f64).array();
    return {array.as<double>(), array.as<double>() + array.numel()};
  }
};

// A node to be filled in step by step.
inline OneNode node_of(const std::string& op, int64_t opset = 17) {
  return {.op = op, .inputs = {}, .opset = opset};
}

inline void expect_near(const Tensor& got, const std::string& type, const std::vector<double>& want,
                        double tolerance = 1e-5) {
  EXPECT_EQ(to_string(got.type()), type);
  const auto values = OneNode::numbers(got);
  ASSERT_EQ(values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(values[i], want[i], tolerance) << i;
}
inline void expect_near(const Tensor& got, const std::vector<double>& want) {
  expect_near(got, to_string(got.type()), want);
}
inline void expect_error(const OneNode& node, const std::string& text) {
  EXPECT_EQ(node.error(), text);
}
template <class T>
std::vector<T> values_of(const Tensor& tensor) {
  EXPECT_EQ(tensor.dtype(), dtype_of<T>());
  const Array array = tensor.array();
  return std::vector<T>(array.as<T>(), array.as<T>() + array.numel());
}

inline Tensor numbered(Shape shape, DType dtype = DType::f32) {
  Array array(DType::f32, shape);
  for (int64_t i = 0; i < array.numel(); ++i) array.as<float>()[i] = static_cast<float>(i);
  return cast(Tensor::from(array), dtype);
}
template <class T>
Tensor tensor_of(const std::vector<T>& values, const Shape& shape) {
  return Tensor::from(Array::of(std::span<const T>(values), shape));
}
inline Tensor floats(const std::vector<float>& values, const Shape& shape) {
  return tensor_of(values, shape);
}
inline Tensor ints(const std::vector<int64_t>& values) {
  return Tensor::from(
      Array::of(std::span<const int64_t>(values), {static_cast<int64_t>(values.size())}));
}
inline Tensor texts(const Texts& values, Shape shape) {
  std::vector<StringId> ids;
  for (const std::string& v : values) ids.push_back(intern(v));
  return Tensor::from(Array::of(std::span<const StringId>(ids), shape));
}

}  // namespace suan::onnx
