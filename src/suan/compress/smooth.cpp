// Norms, the linear layers that read them, and all other values that linear layers read.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/smooth.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "suan/base/error.h"
#include "suan/compress/channel_scales.h"
#include "suan/compress/layers.h"
#include "suan/compress/quantize_graph.h"
#include "suan/graph/users.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan::compress {
namespace {

struct Place {
  Tensor x;
  bool by_norm = false;  // it is a norm's result, divided there
  std::vector<const GraphLayer*> layers;
};

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), users_(graph), layers_(find_layers(graph)) {}

  std::vector<Place> run() {
    for (const GraphLayer& layer : layers_) {
      const bool own = layer.reason.empty() && layer.linear() &&
                       users_.only(layer.node->inputs[1].node()) &&
                       !is(layer.node->inputs[0].node(), Op::constant);
      if (own) linear_[layer.node.get()] = &layer;
    }
    for (const NodePtr& node : graph_.nodes()) {
      Place place{.x = {node, 0}, .by_norm = true};
      if (!takes_factors(*node) || !collect(place.x, place.layers)) continue;
      for (const GraphLayer* layer : place.layers) linear_.erase(layer->node.get());
      places_.push_back(std::move(place));
    }
    std::map<std::pair<const Node*, int>, size_t> others;
    for (const GraphLayer& layer : layers_) {
      if (!linear_.contains(layer.node.get())) continue;
      const Tensor& x = layer.node->inputs[0];
      const auto [at, fresh] = others.try_emplace({&x.node(), x.output()}, places_.size());
      if (fresh) places_.push_back({.x = x});
      places_[at->second].layers.push_back(&layer);
    }
    return std::move(places_);
  }

 private:
  // A norm with scale and bias of its own.
  bool takes_factors(const Node& node) const {
    if (!is_norm(node) || node.attr<LayerNormAttrs>().axes != 1 || node.inputs.size() < 2) {
      return false;
    }
    const auto own = [&](size_t i) {
      return node.inputs[i] && is(node.inputs[i].node(), Op::constant) &&
             users_.only(node.inputs[i].node());
    };
    const bool shifts = node.inputs.size() > 2 && node.inputs[2];
    return own(1) && (!shifts || own(2));
  }
  // All that read the value, through reshapes that keep its last axis, are such layers.
  bool collect(const Tensor& t, std::vector<const GraphLayer*>& out) const {
    if (users_.is_result(t.node())) return false;
    for (const NodePtr& user : users_.of(t.node())) {
      if (is(*user, Op::reshape) && user->types[0].shape.back() == t.shape().back()) {
        if (!collect({user, 0}, out)) return false;
        continue;
      }
      const auto layer = linear_.find(user.get());
      if (layer == linear_.end() || !user->inputs[0].same_as(t)) return false;
      out.push_back(layer->second);
    }
    return !out.empty();
  }

  const Graph& graph_;
  const Users users_;
  const std::vector<GraphLayer> layers_;
  std::map<const Node*, const GraphLayer*> linear_;
  std::vector<Place> places_;
};

std::vector<double> factors_of(const Place& place, const SmoothSite& site) {
  const size_t n = site.largest.size();
  std::vector<double> weights(n, 0.0), s(n, 1.0);
  for (const GraphLayer* layer : place.layers) {
    const std::vector<double> own = magnitudes(weights_of(*layer), input_channels(*layer->node));
    for (size_t j = 0; j < n; ++j) weights[j] = std::max(weights[j], own[j]);
  }
  for (size_t j = 0; j < n; ++j) {
    if (site.largest[j] <= 0 || weights[j] <= 0) continue;
    s[j] = std::pow(site.largest[j], site.alpha) / std::pow(weights[j], 1 - site.alpha);
  }
  return s;
}

Tensor vector_of(const std::vector<double>& values) {
  Array array(DType::f32, {static_cast<int64_t>(values.size())});
  std::ranges::transform(values, array.as<float>(), [](double v) { return static_cast<float>(v); });
  return Tensor::from(array);
}

// Whether it is a constant with a number for each element of x's last axis.
bool is_by_channel(const Tensor& t, const Tensor& x) {
  return is(t.node(), Op::constant) && t.dtype() == DType::f32 && t.rank() == 1 &&
         x.dtype() == DType::f32 && x.rank() > 0 && t.shape()[0] == x.shape().back();
}

}  // namespace

std::vector<SmoothSite> smooth_sites(const Graph& graph, std::span<const Batch> batches) {
  Finder finder(graph);
  std::vector<Tensor> values;
  std::vector<SmoothSite> sites;
  for (const Place& place : finder.run()) {
    std::vector<int64_t> axes;
    for (int i = 0; i + 1 < place.x.rank(); ++i) axes.push_back(i);
    values.push_back(max(abs(place.x), axes));
    SmoothSite& site = sites.emplace_back();
    for (const GraphLayer* layer : place.layers) site.layers.push_back(layer->name);
    site.largest.assign(static_cast<size_t>(place.x.shape().back()), 0.0);
  }
  if (sites.empty()) return sites;
  for_each_batch(graph, values, batches, [&](const std::vector<Array>& arrays) {
    for (size_t i = 0; i < sites.size(); ++i) {
      std::vector<double>& largest = sites[i].largest;
      for (size_t j = 0; j < largest.size(); ++j) {
        largest[j] = std::max<double>(largest[j], arrays[i].as<float>()[j]);
      }
    }
  });
  return sites;
}

Graph smooth(const Graph& graph, std::span<const SmoothSite> sites) {
  Finder finder(graph);
  const std::vector<Place> places = finder.run();
  NewConstants constants;
  std::map<const Node*, Tensor> divided;  // by the layer: what its input is multiplied by
  for (size_t i = 0; i < sites.size(); ++i) {
    const double alpha = sites[i].alpha;
    if (!(alpha >= 0 && alpha < 1))
      fail("smooth", "alpha is {}, expected from 0 to below 1", alpha);
    if (alpha == 0) continue;
    const Place& place = places.at(i);
    const std::vector<double> s = factors_of(place, sites[i]);
    std::vector<double> inverse;
    for (const double v : s) inverse.push_back(1 / v);
    const ChannelView whole{.channels = static_cast<int64_t>(s.size())};
    const Node& norm = place.x.node();
    for (size_t k = 1; place.by_norm && k < norm.inputs.size(); ++k) {
      if (norm.inputs[k]) multiply(changed(constants, norm.inputs[k]), whole, inverse);
    }
    const Tensor factor = place.by_norm ? Tensor() : vector_of(inverse);
    for (const GraphLayer* layer : place.layers) {
      multiply(changed(constants, layer->node->inputs[1]), input_channels(*layer->node), s);
      if (factor) divided[layer->node.get()] = factor;
    }
  }
  if (constants.empty()) return graph;
  std::map<std::pair<const Node*, const Node*>, Tensor> made;  // by the value and its factor
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    if (const auto found = constants.find(node.get()); found != constants.end()) {
      return std::vector{Tensor::from(found->second)};
    }
    const auto found = divided.find(node.get());
    if (found == divided.end()) return std::vector<Tensor>();
    std::vector<Tensor> operands = inputs;
    Tensor& x = made[{&operands[0].node(), &found->second.node()}];
    if (!x) x = operands[0] * found->second;
    operands[0] = x;
    return std::vector<Tensor>{{with_inputs(*node, operands), 0}};
  });
}

Graph join_scales(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> same;
    if (!is(*node, Op::quantize) || !is(inputs[0].node(), Op::mul)) return same;
    const Tensor &x = inputs[0].node().inputs[0], &factor = inputs[0].node().inputs[1];
    const bool joins = is_by_channel(factor, x) && !x.node().op->row && inputs[1].rank() == 0 &&
                       is(inputs[1].node(), Op::full);
    if (!joins) return same;
    const double scale = inputs[1].node().attr<FullAttrs>().value;
    std::vector<double> scales;
    const auto* f = factor.node().values[0]->as<float>();
    for (int64_t i = 0; i < factor.shape()[0]; ++i) scales.push_back(scale / f[i]);
    Tensor zero = inputs.size() > 2 ? inputs[2] : Tensor();
    if (zero) zero = broadcast_to(zero, factor.shape());
    return std::vector{quantize(x, vector_of(scales), zero, node->attr<QuantizeAttrs>())};
  });
}

}  // namespace suan::compress
