// Following a model: every node in order, values by name, subgraphs and functions inside. Known
// values are computed on the way, so shapes, conditions and constants are settled as they come.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {

struct Model::Impl {
  ::onnx::ModelProto proto;
  std::string where;
  Limits limits;
  std::vector<Argument> inputs, outputs;
  std::unordered_map<std::string, Tensor> initializers;  // of the main graph
  std::vector<std::string> initializer_names;            // in the file's order
  std::map<std::string, int64_t> opsets;                 // by domain; "" is ai.onnx
  // Model-local functions by function_key (newer_fields.h).
  std::unordered_map<std::string, const ::onnx::FunctionProto*> functions;
};

class Follower {
 public:
  // `known`: the arguments are constants, and every value is computed at once. `all` gets what the
  // nodes of the main graph give, unless it is null.
  Follower(const Model::Impl& model, bool known, std::vector<NodeValue>* all = nullptr)
      : model_(model), known_(known), records_(!known), all_(all) {}

  std::vector<Value> run(const std::vector<Value>& arguments);

  class Scope;
  std::vector<Value> follow_graph(const ::onnx::GraphProto& graph, const Scope* outer,
                                  std::vector<Value> arguments);
  // The value `wanted` as it would be with these values for names before it: the nodes that lead
  // from them to it, of those that the node now followed stands among, are followed once more, and
  // what depends on graph inputs is recorded.
  Value follow_again(const std::map<std::string, Value>& given, const std::string& wanted);
  const Scope* scope() const { return scope_; }
  const Limits& limits() const { return model_.limits; }
  const std::string& where() const { return model_.where; }
  // The array of a constant; throws DataDependent for anything else.
  Array known_array(const Tensor& tensor, std::string_view what) const;
  bool is_known(const Tensor& tensor) const;
  // A random key of its own. In a recorded graph it is a state, whose stream each run moves on.
  Tensor fresh_key();
  const std::vector<StateUpdate>& updates() const { return updates_; }

 private:
  using Opsets = std::map<std::string, int64_t>;
  // All, or those that `chosen` marks.
  void follow_nodes(const google::protobuf::RepeatedPtrField<::onnx::NodeProto>& nodes,
                    Scope& scope, const std::vector<bool>* chosen = nullptr);
  std::vector<Value> follow_node(const ::onnx::NodeProto& node, Scope& scope);
  [[noreturn]] void refuse_operator(const ::onnx::NodeProto& node) const;
  std::vector<Value> call_function(const ::onnx::FunctionProto& function,
                                   const ::onnx::NodeProto& node, std::vector<Value> inputs);
  void settle(const NodeView& node, std::vector<Value>& outputs) const;
  Array compute(const Tensor& tensor, std::string_view what) const;
  void check_size(const Type& type, std::string_view what) const;
  int64_t opset_of(const std::string& domain) const;

  const Model::Impl& model_;
  bool known_;
  bool records_;                      // whether a graph is being recorded
  std::vector<StateUpdate> updates_;  // of it
  std::vector<NodeValue>* all_;
  const Opsets* opsets_ = &model_.opsets;
  const Scope* scope_ = nullptr;
  struct Position {
    const google::protobuf::RepeatedPtrField<::onnx::NodeProto>* nodes = nullptr;
    int next = 0;  // the node now followed
  };
  Position position_;
  std::unordered_set<std::string> changed_;  // names that follow_again gave other values
  int depth_ = 0;
  int64_t followed_ = 0;
  mutable double flops_ = 0;
};

}  // namespace suan::onnx
