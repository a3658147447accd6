// Preparation: what makes a model lose less in integers and changes nothing in floats. What suits a
// model is measured.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/scheme.h"
#include "suan/compress/smooth.h"

namespace suan::compress {

// What is worth changing a model for: a tenth of the noise of its result, in dB.
inline constexpr double kLeastGain = 0.5;

// It holds for the graphs of a model of all batch sizes, as inference_graph gives them.
struct Preparation {
  bool equalize = false;          // compress/equalize.h
  std::vector<SmoothSite> sites;  // compress/smooth.h, of the equalized graph
};

Graph prepared(const Graph& graph, const Preparation& preparation);
// Every site smoothed by the same alpha; 0: none. Throws as smooth_sites.
Preparation uniform_preparation(const Graph& graph, std::span<const Batch> batches, bool equalize,
                                double alpha);
// The one with which the model's result has the least noise in int8, by a tenth less at least than
// without any; each site has the alpha with which the layers that read it have the least. Throws
// as calibrate.
Preparation best_preparation(const Graph& graph, std::span<const Batch> batches,
                             const Scheme& scheme, const CalibrationOptions& options);

}  // namespace suan::compress
