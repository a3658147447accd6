// Histograms once, parameters by each calibrator, errors of the layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/calibrate.h"

#include <algorithm>
#include <cmath>

#include "suan/compress/layer_errors.h"
#include "suan/compress/observe.h"
#include "suan/compress/quantize_graph.h"

namespace suan::compress {
namespace {

// The distribution of each group.
std::vector<Histogram> observed_groups(const Graph& graph, const QuantizationPlan& plan,
                                       std::span<const Batch> batches) {
  std::vector<Tensor> values;
  for (const ValueGroup& group : plan.groups) {
    values.insert(values.end(), group.sources.begin(), group.sources.end());
  }
  const std::vector<Histogram> seen = observe(graph, values, batches);
  std::vector<Histogram> groups;
  size_t next = 0;
  for (const ValueGroup& group : plan.groups) {
    Histogram all = seen[next++];
    for (size_t i = 1; i < group.sources.size(); ++i) all.add(seen[next++]);
    groups.push_back(std::move(all));
  }
  return groups;
}

std::vector<QuantParams> params_by(const QuantizationPlan& plan,
                                   const std::vector<Histogram>& groups, const Scheme& scheme,
                                   const CalibrationOptions& options) {
  std::vector<QuantParams> params;
  for (size_t g = 0; g < groups.size(); ++g) {
    params.push_back(choose_params(groups[g], plan.groups[g].by_convolution, scheme, options));
  }
  return params;
}

// For each group, the noise of the layers that read it, relative to their signals.
std::vector<double> noise_of(const Graph& graph, const QuantizationPlan& plan,
                             const std::vector<QuantParams>& params,
                             std::span<const Batch> batches) {
  std::vector<double> noise(plan.groups.size(), 0.0);
  const auto errors = layer_errors(graph, quantize_graph(graph, plan, params), batches);
  for (const GraphLayer& layer : plan.layers) {
    const auto error = std::ranges::find(errors, layer.name, &LayerError::layer);
    if (!layer.reason.empty() || error == errors.end()) continue;
    noise[plan.input_group(layer)] += std::pow(10, -error->own / 10);
  }
  return noise;
}

}  // namespace

std::vector<QuantParams> calibrate(const Graph& graph, const QuantizationPlan& plan,
                                   std::span<const Batch> batches, const Scheme& scheme,
                                   const CalibrationOptions& options) {
  const std::vector<Histogram> groups = observed_groups(graph, plan, batches);
  if (options.calibrator != Calibrator::best) return params_by(plan, groups, scheme, options);
  constexpr size_t kMeasured = 2;  // batches
  const auto few = batches.first(std::min(kMeasured, batches.size()));
  std::vector<QuantParams> best;
  std::vector<double> least;
  for (const Calibrator calibrator :
       {Calibrator::mse, Calibrator::minmax, Calibrator::percentile, Calibrator::entropy}) {
    const auto params = params_by(plan, groups, scheme, {calibrator, options.percent});
    const std::vector<double> noise = noise_of(graph, plan, params, few);
    if (best.empty()) {
      best = params;
      least = noise;
    }
    for (size_t g = 0; g < params.size(); ++g) {
      if (noise[g] >= least[g]) continue;
      best[g] = params[g];
      least[g] = noise[g];
    }
  }
  return best;
}

}  // namespace suan::compress
