// What libFuzzer does to a model: changes that keep it a message and mostly a graph, so that they
// reach the rules of operators rather than only the parser. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <onnx/onnx_pb.h>

#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "suan/formats/onnx/operators.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace suan::fuzz {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

class ModelMutator {
 public:
  ModelMutator(ModelProto& model, unsigned seed) : model_(model), random_(seed) {}

  void mutate() {
    collect();
    using Change = void (ModelMutator::*)();
    static constexpr Change kChanges[] = {
        &ModelMutator::change_nodes,     &ModelMutator::change_operator,
        &ModelMutator::change_names,     &ModelMutator::change_names,
        &ModelMutator::change_inputs,    &ModelMutator::change_attribute,
        &ModelMutator::change_attribute, &ModelMutator::change_tensor,
        &ModelMutator::change_tensor,    &ModelMutator::change_type,
        &ModelMutator::change_type,      &ModelMutator::fix_input,
        &ModelMutator::change_opset,     &ModelMutator::change_function,
        &ModelMutator::change_location};
    (this->*kChanges[pick(std::size(kChanges))])();
  }

  // Nodes and initializers of another model join this one; some of their inputs come from it.
  void join(const ModelProto& other) {
    collect();
    const std::vector<std::string> names = names_;
    for (const TensorProto& t : other.graph().initializer())
      *model_.mutable_graph()->add_initializer() = t;
    for (const auto& info : other.graph().input()) *model_.mutable_graph()->add_input() = info;
    for (NodeProto node : other.graph().node()) {
      for (std::string& name : *node.mutable_input()) {
        if (!names.empty() && one_in(3)) name = any(names);
      }
      *model_.mutable_graph()->add_node() = node;
    }
    for (const auto& info : other.graph().output()) *model_.mutable_graph()->add_output() = info;
    for (const auto& function : other.functions()) *model_.add_functions() = function;
  }

 private:
  size_t pick(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_); }
  int index(int count) { return static_cast<int>(pick(static_cast<size_t>(count))); }
  bool one_in(size_t count) { return pick(count) == 0; }
  template <class T>
  const T& any(const std::vector<T>& list) {
    return list[pick(list.size())];
  }

  void collect() {
    graphs_ = {model_.mutable_graph()};
    nodes_.clear(), attributes_.clear(), tensors_.clear(), names_.clear();
    for (size_t i = 0; i < graphs_.size(); ++i) {  // grows with the subgraphs found
      GraphProto& graph = *graphs_[i];
      for (TensorProto& t : *graph.mutable_initializer()) {
        tensors_.push_back(&t);
        names_.push_back(t.name());
      }
      for (const auto& info : graph.input()) names_.push_back(info.name());
      for (NodeProto& node : *graph.mutable_node()) collect(node);
    }
    for (auto& function : *model_.mutable_functions()) {
      for (NodeProto& node : *function.mutable_node()) collect(node);
    }
  }
  void collect(NodeProto& node) {
    nodes_.push_back(&node);
    names_.insert(names_.end(), node.output().begin(), node.output().end());
    for (AttributeProto& a : *node.mutable_attribute()) {
      attributes_.push_back(&a);
      if (a.has_t()) tensors_.push_back(a.mutable_t());
      if (a.has_g()) graphs_.push_back(a.mutable_g());
    }
  }

  int64_t number(int64_t old) {
    static constexpr int64_t kOdd[] = {
        0,  1,  2,   3,   4,    5,     7,          8,         -1,        -2,        -3,
        16, 64, 127, 255, 1000, 65536, 2147483647, INT64_MAX, INT64_MIN, 1LL << 62, -4};
    switch (pick(6)) {
      case 0:
        return static_cast<int64_t>(uint64_t(old) + 1);
      case 1:
        return static_cast<int64_t>(uint64_t(old) - 1);
      case 2:
        return static_cast<int64_t>(random_());
      default:
        return kOdd[pick(std::size(kOdd))];
    }
  }
  int64_t small(int64_t old) { return one_in(8) ? number(old) : static_cast<int64_t>(pick(5)); }
  float real() {
    static constexpr float kOdd[] = {0,     1,     -1,   0.5F,     2,         1e-30F,
                                     1e30F, -1e9F, 3.7F, INFINITY, -INFINITY, NAN};
    return kOdd[pick(std::size(kOdd))];
  }
  std::string bytes(std::string text) {
    const size_t size = text.size(), most = size + 8;
    text.resize(most);
    text.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(text.data()), size, most));
    return text;
  }
  template <class List>
  void change_list(List& list, auto value) {
    switch (list.size() ? pick(4) : 0) {
      case 0:
        list.Add(value(0));
        break;
      case 1:
        list.RemoveLast();
        break;
      default:
        auto& element = *list.Mutable(index(list.size()));
        element = value(element);
    }
  }
  void change_numbers(google::protobuf::RepeatedField<int64_t>& list) {
    change_list(list, [this](int64_t old) { return one_in(2) ? number(old) : small(old); });
  }

  void change_nodes() {
    auto& nodes = *graphs_[pick(graphs_.size())]->mutable_node();
    if (nodes.empty() || one_in(4)) {
      if (!nodes_.empty()) *nodes.Add() = NodeProto(*any(nodes_));
    } else if (one_in(2)) {
      nodes.DeleteSubrange(index(nodes.size()), 1);
    } else {
      nodes.SwapElements(index(nodes.size()), index(nodes.size()));
    }
  }

  void change_operator() {
    if (nodes_.empty()) return;
    static const std::vector<std::string> operators = onnx::operator_names();
    NodeProto& node = *any(nodes_);
    std::string name = one_in(30) ? bytes(node.op_type()) : any(operators);
    const size_t dot = name.rfind('.');  // "ai.onnx.ml.Scaler"
    node.set_domain(dot == std::string::npos ? "" : name.substr(0, dot));
    node.set_op_type(dot == std::string::npos ? name : name.substr(dot + 1));
    if (model_.functions_size() && one_in(4)) {
      const auto& function = model_.functions(index(model_.functions_size()));
      node.set_domain(function.domain());
      node.set_op_type(function.name());
    }
  }

  void change_names() {
    if (nodes_.empty() || names_.empty()) return;
    NodeProto& node = *any(nodes_);
    auto& list = one_in(4) ? *node.mutable_output() : *node.mutable_input();
    const std::string name =
        one_in(8) ? "" : (one_in(8) ? "new" + std::to_string(pick(3)) : any(names_));
    if (list.empty() || one_in(3)) {
      *list.Add() = name;
    } else if (one_in(4)) {
      list.RemoveLast();
    } else {
      *list.Mutable(index(list.size())) = name;
    }
  }

  void change_inputs() {
    GraphProto& graph = *graphs_[pick(graphs_.size())];
    auto& list = one_in(2) ? *graph.mutable_input() : *graph.mutable_output();
    if (!list.empty() && one_in(2)) {
      list.DeleteSubrange(index(list.size()), 1);
    } else if (!names_.empty()) {
      auto* info = list.empty() ? list.Add() : &(*list.Add() = list.Get(index(list.size())));
      info->set_name(any(names_));
    }
  }

  void change_attribute() {
    if (nodes_.empty()) return;
    NodeProto& node = *any(nodes_);
    auto& list = *node.mutable_attribute();
    if (!attributes_.empty() && one_in(6)) {
      *list.Add() = AttributeProto(*any(attributes_));
    } else if (!list.empty() && one_in(8)) {
      list.DeleteSubrange(index(list.size()), 1);
    } else if (!list.empty()) {
      change(*list.Mutable(index(list.size())));
    }
  }
  void change(AttributeProto& a) {
    if (one_in(20)) a.set_name(any(attributes_)->name());
    if (one_in(20)) a.set_type(static_cast<AttributeProto::AttributeType>(pick(12)));
    switch (a.type()) {
      case AttributeProto::INT:
        return a.set_i(one_in(2) ? small(a.i()) : number(a.i()));
      case AttributeProto::FLOAT:
        return a.set_f(real());
      case AttributeProto::STRING:
        return change_text(a);
      case AttributeProto::INTS:
        return change_numbers(*a.mutable_ints());
      case AttributeProto::FLOATS:
        return change_list(*a.mutable_floats(), [this](float) { return real(); });
      case AttributeProto::STRINGS:
        if (a.strings_size()) a.set_strings(index(a.strings_size()), bytes("a"));
        return;
      case AttributeProto::GRAPH:
        if (one_in(2)) *a.mutable_g() = GraphProto(*any(graphs_));
        return;
      default:
        return;
    }
  }
  void change_text(AttributeProto& a) {
    const AttributeProto& other = *any(attributes_);
    a.set_s(other.has_s() && one_in(2) ? std::string(other.s()) : bytes(a.s()));
  }

  // Mostly the data fits the shape again.
  void change_tensor() {
    if (tensors_.empty()) return;
    TensorProto& t = *any(tensors_);
    if (one_in(2)) {
      change_numbers(*t.mutable_dims());
    } else if (one_in(4)) {
      t.set_data_type(1 + index(26));
    } else {
      change_data(t);
    }
    if (!one_in(6)) fit(t);
  }
  void change_data(TensorProto& t) {
    if (t.int64_data_size()) return change_numbers(*t.mutable_int64_data());
    if (t.raw_data().size() >= 8 && one_in(2)) {
      const int64_t value = number(0);
      std::string raw = t.raw_data();
      std::memcpy(raw.data() + pick(raw.size() / 8) * 8, &value, 8);
      return t.set_raw_data(raw);
    }
    t.set_raw_data(bytes(t.raw_data()));
  }
  static void fit(TensorProto& t) {
    constexpr int64_t kMost = 4096;
    int64_t count = 1;
    for (int64_t size : t.dims()) {
      if (size < 0 || size > kMost) return;
      count *= size;
      if (count > kMost) return;
    }
    if (t.data_type() == TensorProto::STRING) {
      while (t.string_data_size() < count) t.add_string_data("s");
      return;
    }
    std::string raw = t.raw_data();
    constexpr size_t kSizes[] = {1, 4, 1, 1, 2, 2, 4, 8, 1, 1, 2, 8, 4, 8, 8, 16, 2};
    const auto code = static_cast<size_t>(t.data_type());
    const size_t size = code < std::size(kSizes) ? kSizes[code] : 1;
    raw.resize(static_cast<size_t>(count) * size, '\1');
    t.set_raw_data(raw);
    t.clear_int32_data(), t.clear_int64_data(), t.clear_float_data(), t.clear_double_data();
  }

  int64_t number_of_bytes() { return one_in(4) ? number(0) : static_cast<int64_t>(pick(65)) * 64; }

  // The data lies in another file, or in none.
  void change_location() {
    if (tensors_.empty()) return;
    TensorProto& t = *any(tensors_);
    t.clear_external_data();
    if (one_in(4)) return t.clear_data_location();
    t.set_data_location(TensorProto::EXTERNAL);
    const auto add = [&](const char* key, const std::string& value) {
      auto* entry = t.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    static constexpr const char* kPlaces[] = {"weights",    "weights", "weights", "./sub/weights",
                                              "../weights", "model",   "link",    "sub"};
    add("location", kPlaces[pick(std::size(kPlaces))]);
    if (one_in(2)) add("offset", std::to_string(number_of_bytes()));
    if (one_in(6)) add("length", std::to_string(number_of_bytes()));
  }

  void change_type() {
    auto& list = *model_.mutable_graph()->mutable_input();
    if (list.empty()) return;
    auto* type = list.Mutable(index(list.size()))->mutable_type();
    if (one_in(12))
      return type->mutable_sequence_type()
          ->mutable_elem_type()
          ->mutable_tensor_type()
          ->set_elem_type(1);
    auto* tensor = type->mutable_tensor_type();
    if (one_in(4)) return tensor->set_elem_type(one_in(2) ? 1 + index(26) : (one_in(2) ? 1 : 7));
    auto* shape = tensor->mutable_shape();
    if (shape->dim_size() == 0 || one_in(6)) {
      shape->add_dim()->set_dim_value(small(0));
    } else if (one_in(6)) {
      shape->mutable_dim()->RemoveLast();
    } else {
      shape->mutable_dim(index(shape->dim_size()))->set_dim_value(small(0));
    }
  }

  // An input becomes a known value.
  void fix_input() {
    const auto& inputs = model_.graph().input();
    if (inputs.empty()) return;
    const auto& info = inputs[index(inputs.size())];
    TensorProto& t = *model_.mutable_graph()->add_initializer();
    t.set_name(info.name());
    t.set_data_type(info.type().tensor_type().elem_type());
    for (const auto& dim : info.type().tensor_type().shape().dim()) t.add_dims(dim.dim_value());
    fit(t);
  }

  void change_opset() {
    auto* set = model_.opset_import_size()
                    ? model_.mutable_opset_import(index(model_.opset_import_size()))
                    : model_.add_opset_import();
    set->set_version(one_in(10) ? number(set->version()) : 1 + index(26));
  }

  // Nodes of the graph become a function, which may call itself.
  void change_function() {
    if (nodes_.empty()) return;
    const NodeProto node = *any(nodes_);
    auto* function = model_.functions_size() && one_in(2)
                         ? model_.mutable_functions(index(model_.functions_size()))
                         : model_.add_functions();
    if (function->name().empty()) {
      function->set_name(one_in(2) ? node.op_type() : "f");
      function->set_domain(node.domain());
      for (const auto& name : node.input()) function->add_input(name);
      for (const auto& name : node.output()) function->add_output(name);
    }
    *function->add_node() = node;
  }

  ModelProto& model_;
  std::minstd_rand random_;
  std::vector<GraphProto*> graphs_;
  std::vector<NodeProto*> nodes_;
  std::vector<AttributeProto*> attributes_;
  std::vector<TensorProto*> tensors_;
  std::vector<std::string> names_;
};

}  // namespace suan::fuzz
