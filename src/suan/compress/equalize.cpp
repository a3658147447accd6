// Pairs of layers, and their factors.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/equalize.h"

#include <algorithm>
#include <cmath>

#include "suan/compress/channel_scales.h"
#include "suan/compress/layers.h"
#include "suan/graph/users.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan::compress {
namespace {

struct Pair {
  const Node* first = nullptr;
  const Node* second = nullptr;
  Tensor bias;                  // of the first: a constant, or none
  const Node* clip = nullptr;   // minimum(x, number)
  std::vector<double> factors;  // what the channels have been divided by
};

bool is_number(const Tensor& t) { return is(t.node(), Op::full) && t.rank() == 0; }

// The other operand of a node where one is a constant for each channel.
Tensor beside_constant(const Node& node, Tensor& constant, int64_t channels) {
  for (size_t i = 0; i < 2; ++i) {
    const Tensor& t = node.inputs[i];
    if (!is(t.node(), Op::constant) || t.shape().numel() != channels) continue;
    constant = t;
    return node.inputs[1 - i];
  }
  return {};
}

// Walks back from the second layer's input; false where something else lies between.
bool find_first(Pair& pair, const Users& users) {
  Tensor t = pair.second->inputs[0];
  const int64_t channels = input_channels(*pair.second).channels;
  while (users.only(t.node())) {
    const Node& node = t.node();
    if (is(node, pair.second->op->code)) {
      pair.first = &node;
      if (is(node, Op::conv) && node.inputs.size() > 2) pair.bias = node.inputs[2];
      return is(node.inputs[1].node(), Op::constant) &&
             (!pair.bias || is(pair.bias.node(), Op::constant)) &&
             output_channels(node).channels == channels;
    }
    if (is(node, Op::relu) || is(node, Op::max_pool)) {
      t = node.inputs[0];
    } else if (is(node, Op::minimum) && is_number(node.inputs[1]) && !pair.clip) {
      pair.clip = &node;
      t = node.inputs[0];
    } else if (is(node, Op::add) && is(*pair.second, Op::matmul) && !pair.bias) {
      t = beside_constant(node, pair.bias, channels);
      if (!t) return false;
    } else {
      return false;
    }
  }
  return false;
}

std::vector<Pair> find_pairs(const Graph& graph) {
  const Users users(graph);
  std::vector<Pair> pairs;
  for (const GraphLayer& layer : find_layers(graph)) {
    if (!layer.reason.empty() || input_channels(*layer.node).channels == 0) continue;
    Pair pair{.second = layer.node.get()};
    if (!find_first(pair, users) || !users.only(pair.first->inputs[1].node())) continue;
    if (!users.only(pair.second->inputs[1].node())) continue;
    if (pair.bias && !users.only(pair.bias.node())) continue;
    pair.factors.assign(static_cast<size_t>(input_channels(*pair.second).channels), 1.0);
    pairs.push_back(pair);
  }
  return pairs;
}

// How much the factor that differs most from 1 does.
double equalize_pair(Pair& pair, NewConstants& constants) {
  Array& w = changed(constants, pair.first->inputs[1]);
  Array& next = changed(constants, pair.second->inputs[1]);
  const std::vector<double> r = magnitudes(w, output_channels(*pair.first));
  const std::vector<double> other = magnitudes(next, input_channels(*pair.second));
  std::vector<double> s(r.size(), 1.0), inverse(r.size(), 1.0);
  double change = 0;
  for (size_t i = 0; i < r.size(); ++i) {
    if (r[i] > 0 && other[i] > 0) s[i] = std::sqrt(r[i] / other[i]);
    inverse[i] = 1 / s[i];
    pair.factors[i] *= s[i];
    change = std::max(change, std::abs(std::log(s[i])));
  }
  multiply(w, output_channels(*pair.first), inverse);
  if (pair.bias) {
    multiply(changed(constants, pair.bias), {.channels = static_cast<int64_t>(r.size())}, inverse);
  }
  multiply(next, input_channels(*pair.second), s);
  return change;
}

// min(x, c) becomes min(x, c / s).
Graph with_clips(const Graph& graph, const std::vector<Pair>& pairs) {
  std::unordered_map<const Node*, const Pair*> clips;
  for (const Pair& pair : pairs) {
    if (pair.clip) clips[pair.clip] = &pair;
  }
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    const auto found = clips.find(node.get());
    if (found == clips.end()) return std::vector<Tensor>();
    const std::vector<double>& s = found->second->factors;
    Shape shape = Shape::filled(inputs[0].rank(), 1);
    shape[is(*found->second->first, Op::conv) ? 1 : inputs[0].rank() - 1] =
        static_cast<int64_t>(s.size());
    Array ends(DType::f32, shape);
    const double end = node->inputs[1].node().attr<FullAttrs>().value;
    for (size_t i = 0; i < s.size(); ++i) ends.as<float>()[i] = static_cast<float>(end / s[i]);
    return std::vector{minimum(inputs[0], Tensor::from(ends))};
  });
}

}  // namespace

Graph equalize(const Graph& graph) {
  constexpr int kMostRounds = 30;
  std::vector<Pair> pairs = find_pairs(graph);
  NewConstants constants;
  double change = 1;
  for (int round = 0; round < kMostRounds && change > 0.01; ++round) {
    change = 0;
    for (Pair& pair : pairs) change = std::max(change, equalize_pair(pair, constants));
  }
  // Clips first: constants go by the nodes of the graph as it was.
  return with_new_constants(with_clips(graph, pairs), constants);
}

}  // namespace suan::compress
