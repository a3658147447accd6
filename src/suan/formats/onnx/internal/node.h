// What the rule of an ONNX operator sees: the node's inputs and attributes. A rule turns them into
// outputs by calling tensor functions; it never knows whether values are known or being traced,
// except where it asks for them. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/error.h"
#include "suan/formats/onnx/internal/tensor_proto.h"
#include "suan/formats/onnx/model.h"

namespace suan::onnx {

class Follower;

class NodeView {
 public:
  NodeView(const ::onnx::NodeProto& proto, int64_t opset, std::vector<Value> inputs,
           Follower& follower)
      : inputs(std::move(inputs)), opset(opset), proto_(proto), follower_(follower) {}

  int count() const { return static_cast<int>(inputs.size()); }
  int output_count() const { return proto_.output_size(); }
  bool wants(int output) const {
    return output < proto_.output_size() && !proto_.output(output).empty();
  }
  bool has(int i) const { return i < count() && inputs[static_cast<size_t>(i)].present(); }
  // Input i as a tensor. Throws Error where it is absent or no tensor; `optional` may be absent.
  const Tensor& in(int i) const;
  Tensor optional(int i) const { return has(i) ? in(i) : Tensor(); }
  const Value& value(int i) const;  // of any kind
  const std::vector<Value>& sequence(int i) const;
  std::vector<Tensor> tensors(int first = 0) const;  // all from input `first` on

  // Input i as numbers. Throws DataDependent where it is only known when the graph runs.
  Array known(int i) const;
  Array known(const Tensor& tensor) const;  // of anything else
  bool is_known(int i) const;
  std::vector<int64_t> known_ints(int i) const;
  std::vector<double> known_numbers(int i) const;
  int64_t known_int(int i) const;
  double known_number(int i) const;
  std::string known_text(int i) const;

  bool has_attr(std::string_view name) const { return find(name) != nullptr; }
  int64_t i(std::string_view name, int64_t otherwise) const;
  int64_t i(std::string_view name) const;  // required
  double f(std::string_view name, double otherwise) const;
  std::string s(std::string_view name, std::string_view otherwise) const;
  std::vector<int64_t> ints(std::string_view name, std::vector<int64_t> otherwise = {}) const;
  std::vector<double> floats(std::string_view name) const;
  std::vector<std::string> strings(std::string_view name) const;
  Array tensor(std::string_view name) const;
  const ::onnx::AttributeProto* find(std::string_view name) const;
  const ::onnx::GraphProto& graph(std::string_view name) const;

  // Follows a subgraph of this node; outer names stay visible.
  std::vector<Value> follow(const ::onnx::GraphProto& graph, std::vector<Value> arguments) const;
  // The value of a name before this node, had other names other values (follower.h).
  Value follow_again(const std::map<std::string, Value>& given, const std::string& wanted) const;
  const Limits& limits() const;
  // A random key for this node (ops/random.h): from its `seed`, and so the same in every run, else
  // another one in each.
  Tensor random_key() const;
  // The array as a tensor, where rules compute by hand.
  static Tensor constant(Array array) { return Tensor::from(std::move(array)); }

  template <class... Args>
  [[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) const {
    throw Error(ErrorCode::kInvalidArgument, proto_.op_type(),
                fmt::format(format, std::forward<Args>(args)...));
  }
  const ::onnx::NodeProto& proto() const { return proto_; }

  std::vector<Value> inputs;
  int64_t opset;  // of the operator's domain

 private:
  const ::onnx::NodeProto& proto_;
  Follower& follower_;
};

using Outputs = std::vector<Value>;
// One operator. Those outside the default domain are written "ai.onnx.ml.Scaler".
struct OperatorRule {
  std::string_view name;
  Outputs (*follow)(const NodeView&);
};

// The rules of one file each, all listed in rule_files.inc.
#define RULES(name) std::span<const OperatorRule> name##_rules();
#include "suan/formats/onnx/internal/rule_files.inc"
#undef RULES

// Null: there is no such operator.
const OperatorRule* find_operator(std::string_view domain, std::string_view name);

// Of `axis` attributes: counted from the front; throws Error.
int axis_of(const NodeView& node, int64_t axis, int rank);

}  // namespace suan::onnx
