// GraphModel: a model made of another one's inference graph. Its folded weights are parameters of
// their own, so what is trained is the graph that will be served.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>

#include "suan/compress/inference_graph.h"
#include "suan/models/create.h"

namespace suan::compress {

// A graph in which states stand for constants, and their names.
using StateLookup = std::function<StatePtr(const std::string& name)>;

class GraphModel : public models::Model {
 public:
  // What is made of the inference graph: `state_of` gives the leaf of the state for a constant, or
  // the constant itself where there is none.
  using Rebuild = std::function<Graph(const Graph&, const std::function<Tensor(const Tensor&)>&)>;

  // `original` gives structure; it is put in evaluation mode. Throws Error where a parameter has
  // one element, which a graph cannot tell from a number.
  explicit GraphModel(std::unique_ptr<models::Model> original);
  void set_rebuild(Rebuild rebuild) { rebuild_ = std::move(rebuild); }

  // The states, by kind and name: weights first, then what else is trained, then buffers.
  nn::Module& module() override { return module_; }
  Tensor operator()(const std::vector<Tensor>& inputs) override;

  // The original's inference graph for inputs of these types.
  InferenceGraph original_graph(const std::vector<Type>& types);
  // The constants of it that come from the original's states, with their names: as the state is
  // called, or after the layer that reads them.
  std::vector<std::pair<NodePtr, std::string>> weights_of(const InferenceGraph& g) const;
  // Names begin with kPrefix, so that those of a checkpoint can be told from others.
  static constexpr std::string_view kPrefix = "quantized.";
  void add_state(const std::string& name, Array value, bool trainable);
  const StatePtr* find_state(const std::string& name) const;

 private:
  struct StateList : nn::Module {
    nn::Members members() override;
    std::map<std::pair<int, std::string>, StatePtr> states;  // by rank and name
  };
  const Graph& graph_for(const std::vector<Type>& types);

  std::unique_ptr<models::Model> original_;
  std::vector<nn::NamedState> original_states_;
  StateList module_;
  Rebuild rebuild_;
  std::vector<std::pair<std::vector<Type>, Graph>> graphs_;
};

}  // namespace suan::compress
