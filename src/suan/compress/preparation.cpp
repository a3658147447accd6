// Each is tried as a whole: quantized with few batches and compared with the original.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/preparation.h"

#include <algorithm>
#include <cmath>

#include "suan/compress/calibrate.h"
#include "suan/compress/equalize.h"
#include "suan/compress/layer_errors.h"
#include "suan/compress/quantize_graph.h"

namespace suan::compress {
namespace {

class Chooser {
 public:
  Chooser(const Graph& graph, std::span<const Batch> batches, const Scheme& scheme,
          const CalibrationOptions& options)
      : graph_(graph), batches_(batches), scheme_(scheme), options_(options) {}

  // Signal to noise of the model's result.
  double signal(const Preparation& preparation) const {
    const Graph start = prepared(graph_, preparation);
    return output_error(graph_, in_int8(start), batches_);
  }
  // The alpha of each site by which its layers have the least noise.
  void choose_alphas(Preparation& preparation) const {
    std::vector<double> least;
    std::vector<SmoothSite> best = preparation.sites;
    for (const double alpha : {0.0, 0.4, 0.5, 0.6, 0.7, 0.8}) {
      for (SmoothSite& site : preparation.sites) site.alpha = alpha;
      const std::vector<double> noise = site_noise(preparation);
      if (alpha == 0) least = noise;
      for (size_t i = 0; i < best.size(); ++i) {
        const double gain = best[i].alpha == 0 ? std::pow(10, -kLeastGain / 10) : 1;
        if (noise[i] >= gain * least[i]) continue;
        least[i] = noise[i];
        best[i].alpha = alpha;
      }
    }
    preparation.sites = std::move(best);
  }

 private:
  Graph in_int8(const Graph& start) const {
    const QuantizationPlan plan = plan_quantization(start);
    return quantize_graph(start, plan, calibrate(start, plan, batches_, scheme_, options_));
  }
  std::vector<double> site_noise(const Preparation& preparation) const {
    const Graph start = prepared(graph_, preparation);
    const auto errors = layer_errors(start, in_int8(start), batches_);
    std::vector<double> noise;
    for (const SmoothSite& site : preparation.sites) {
      double& sum = noise.emplace_back(0);
      for (const std::string& name : site.layers) {
        const auto error = std::ranges::find(errors, name, &LayerError::layer);
        if (error != errors.end()) sum += std::pow(10, -error->own / 10);
      }
    }
    return noise;
  }

  const Graph& graph_;
  std::span<const Batch> batches_;
  const Scheme& scheme_;
  const CalibrationOptions& options_;
};

}  // namespace

Graph prepared(const Graph& graph, const Preparation& preparation) {
  return smooth(preparation.equalize ? equalize(graph) : graph, preparation.sites);
}

Preparation uniform_preparation(const Graph& graph, std::span<const Batch> batches, bool equalized,
                                double alpha) {
  Preparation p{.equalize = equalized};
  if (alpha > 0) p.sites = smooth_sites(equalized ? equalize(graph) : graph, batches);
  for (SmoothSite& site : p.sites) site.alpha = alpha;
  return p;
}

Preparation best_preparation(const Graph& graph, std::span<const Batch> batches,
                             const Scheme& scheme, const CalibrationOptions& options) {
  constexpr size_t kMeasured = 2;  // batches
  const auto few = batches.first(std::min(kMeasured, batches.size()));
  const Chooser chooser(graph, few, scheme, options);
  Preparation best;
  double most = chooser.signal(best);
  const auto consider = [&](const Preparation& p) {
    const double signal = chooser.signal(p);
    if (signal < most + kLeastGain) return;
    most = signal;
    best = p;
  };
  for (const bool equalized : {false, true}) {
    const Graph start = equalized ? equalize(graph) : graph;
    if (equalized && start.outputs[0].same_as(graph.outputs[0])) break;
    if (equalized) consider({.equalize = true});
    Preparation smoothed{.equalize = equalized, .sites = smooth_sites(start, batches)};
    if (smoothed.sites.empty()) continue;
    chooser.choose_alphas(smoothed);
    consider(smoothed);
  }
  return best;
}

}  // namespace suan::compress
