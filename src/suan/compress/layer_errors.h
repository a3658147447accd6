// GraphLayer errors: how much each layer's result differs in a quantized graph, to see which is to
// blame. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/compress/run_batches.h"
#include "suan/graph/graph.h"

namespace suan::compress {

// Signal to noise 10 log10(sum y^2 / sum (y - y')^2) in dB, y the original's result. 30 dB is an
// error of 3 %; equal results have infinity.
struct LayerError {
  std::string layer;
  double own = 0;    // of the layer quantized alone: on the inputs of the original graph
  double whole = 0;  // in the quantized graph, with the errors of all layers before it
};

// A layer of both graphs.
struct ComparedLayer {
  std::string name;
  Tensor original;
  Tensor own, whole;  // in the quantized graph, as LayerError has them
};
// By the layers' names. `quantized` must have the inputs of `original` themselves.
std::vector<ComparedLayer> compare_layers(const Graph& original, const Graph& quantized);

// For all convolutions and products that both graphs have, by their names (compress/layers.h), in
// the order of the graph. `original` and `quantized` have equal inputs. Throws as for_each_batch.
std::vector<LayerError> layer_errors(const Graph& original, const Graph& quantized,
                                     std::span<const Batch> batches);
// The same for the outputs of two graphs.
double output_error(const Graph& original, const Graph& quantized, std::span<const Batch> batches);

// Sums up to a ratio of signal and noise.
class SignalToNoise {
 public:
  void add(const Array& y, const Array& other);
  double decibel() const;

 private:
  double signal_ = 0, noise_ = 0;
};

}  // namespace suan::compress
