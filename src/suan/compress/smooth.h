// SmoothQuant: a few channels of activations have large outliers; dividing them before a product
// and multiplying its weights spreads the difficulty over both. Xiao et al., "SmoothQuant: Accurate
// and efficient post-training quantization for large language models", ICML 2023.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/compress/run_batches.h"

namespace suan::compress {

// A value that linear layers read, whose weights nobody else reads. Where it is a layer norm's or
// RMS norm's result that nobody else reads, its channels are divided in the norm; else by a node.
struct SmoothSite {
  std::vector<std::string> layers;  // by name
  std::vector<double> largest;      // max|x_j| of each channel
  double alpha = 0;                 // 0: it stays as it is
};

// In the order of the graph, which is one that inference_graph gives. Throws as for_each_batch.
std::vector<SmoothSite> smooth_sites(const Graph& graph, std::span<const Batch> batches);
// A graph that computes the same: channel j is divided by s_j = max|x_j|^alpha / max|w_j|^(1 -
// alpha), w over the layers that read it. `sites` are of this graph or of one for another batch
// size. Throws Error for an alpha that is not in [0, 1).
Graph smooth(const Graph& graph, std::span<const SmoothSite> sites);

// What divides a value before it is quantized becomes part of the quantization's scale, unless the
// value comes from an elementwise operation, which takes it along. For a graph that was smoothed
// and then quantized.
Graph join_scales(const Graph& graph);

}  // namespace suan::compress
