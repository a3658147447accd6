// Hidden values: what a model computes on the way from its inputs to its class scores, by the names
// of its layers and by spatial size, so that two models can be compared there.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/graph/graph.h"

namespace suan::compress {

struct HiddenValue {
  std::string name;
  Tensor value;
};

// One for each layer with weights, in order. Its name is that of the weights (without ".weight") or
// else its label; "name_2" where another one has it. Its value is what follows the layer through
// normalization, sums and activations, as long as one op alone reads it: of the last convolution of
// a residual block, the block's result.
std::vector<HiddenValue> layer_values(const Graph& graph);

// Feature maps [n, c, h, w] with more than one position behind a convolution: the last value of
// each size h x w ("32x32"), in order.
std::vector<HiddenValue> feature_maps(const Graph& graph);

struct HiddenPair {
  std::string name;  // for messages
  Tensor student, teacher;
};

// By `names`, each "layer", or "student's layer=teacher's"; where there are none, the feature maps
// of equal sizes. Throws Error naming the layers there are for an unknown one, and where there is
// no pair.
std::vector<HiddenPair> hidden_pairs(const Graph& student, const Graph& teacher,
                                     const std::vector<std::string>& names);

}  // namespace suan::compress
