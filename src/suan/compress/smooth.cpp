// Norms and the linear layers that read them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/smooth.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/compress/channel_scales.h"
#include "suan/compress/layers.h"
#include "suan/graph/users.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"

namespace suan::compress {
namespace {

struct Site {
  Tensor y;  // the norm's result
  std::vector<const Node*> layers;
};

// All that read the value, through reshapes that keep its last axis, are linear layers whose
// weights nobody else reads.
bool collect(const Tensor& t, const Users& users, const std::vector<const Node*>& linear,
             std::vector<const Node*>& out) {
  if (users.is_result(t.node())) return false;
  for (const NodePtr& user : users.of(t.node())) {
    if (is(*user, Op::reshape) && user->types[0].shape.back() == t.shape().back()) {
      if (!collect({user, 0}, users, linear, out)) return false;
      continue;
    }
    const bool layer = std::ranges::find(linear, user.get()) != linear.end() &&
                       user->inputs[0].same_as(t) && users.only(user->inputs[1].node());
    if (!layer) return false;
    out.push_back(user.get());
  }
  return !out.empty();
}

std::vector<Site> find_sites(const Graph& graph) {
  const Users users(graph);
  std::vector<const Node*> linear;
  for (const GraphLayer& layer : find_layers(graph)) {
    if (layer.reason.empty() && layer.linear()) linear.push_back(layer.node.get());
  }
  std::vector<Site> sites;
  for (const NodePtr& node : graph.nodes()) {
    if (!is_norm(*node) || node->attr<LayerNormAttrs>().axes != 1 || node->inputs.size() < 2) {
      continue;
    }
    const auto own = [&](size_t i) {
      return node->inputs[i] && is(node->inputs[i].node(), Op::constant) &&
             users.only(node->inputs[i].node());
    };
    const bool shifts = node->inputs.size() > 2 && node->inputs[2];
    if (!own(1) || (shifts && !own(2))) continue;
    Site site{.y = {node, 0}};
    if (collect(site.y, users, linear, site.layers)) sites.push_back(site);
  }
  return sites;
}

// max|x_j| of every site over all batches.
std::vector<std::vector<double>> largest_inputs(const Graph& graph, const std::vector<Site>& sites,
                                                std::span<const Batch> batches) {
  std::vector<Tensor> values;
  std::vector<std::vector<double>> largest;
  for (const Site& site : sites) {
    std::vector<int64_t> axes;
    for (int i = 0; i + 1 < site.y.rank(); ++i) axes.push_back(i);
    values.push_back(max(abs(site.y), axes));
    largest.emplace_back(static_cast<size_t>(site.y.shape().back()), 0.0);
  }
  for_each_batch(graph, values, batches, [&](const std::vector<Array>& arrays) {
    for (size_t i = 0; i < sites.size(); ++i) {
      for (size_t j = 0; j < largest[i].size(); ++j) {
        largest[i][j] = std::max<double>(largest[i][j], arrays[i].as<float>()[j]);
      }
    }
  });
  return largest;
}

void smooth_site(const Site& site, const std::vector<double>& inputs, double alpha,
                 NewConstants& constants) {
  const size_t n = inputs.size();
  std::vector<double> weights(n, 0.0), s(n, 1.0), inverse(n, 1.0);
  for (const Node* layer : site.layers) {
    const std::vector<double> own =
        magnitudes(changed(constants, layer->inputs[1]), input_channels(*layer));
    for (size_t j = 0; j < n; ++j) weights[j] = std::max(weights[j], own[j]);
  }
  for (size_t j = 0; j < n; ++j) {
    if (inputs[j] > 0 && weights[j] > 0) {
      s[j] = std::pow(inputs[j], alpha) / std::pow(weights[j], 1 - alpha);
    }
    inverse[j] = 1 / s[j];
  }
  const ChannelView whole{.channels = static_cast<int64_t>(n)};
  const Node& norm = site.y.node();
  for (size_t i = 1; i < norm.inputs.size(); ++i) {
    if (norm.inputs[i]) multiply(changed(constants, norm.inputs[i]), whole, inverse);
  }
  for (const Node* layer : site.layers) {
    multiply(changed(constants, layer->inputs[1]), input_channels(*layer), s);
  }
}

}  // namespace

Graph smooth(const Graph& graph, std::span<const Batch> batches, double alpha) {
  if (!(alpha > 0 && alpha < 1)) fail("smooth", "alpha is {}, expected between 0 and 1", alpha);
  const std::vector<Site> sites = find_sites(graph);
  if (sites.empty()) return graph;
  const std::vector<std::vector<double>> inputs = largest_inputs(graph, sites, batches);
  NewConstants constants;
  for (size_t i = 0; i < sites.size(); ++i) smooth_site(sites[i], inputs[i], alpha, constants);
  return with_new_constants(graph, constants);
}

}  // namespace suan::compress
