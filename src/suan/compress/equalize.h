// Cross-layer equalization: neighbouring layers share the ranges of the channels between them, so
// that one scale fits all channels. Nagel, van Baalen, Blankevoort and Welling, "Data-free
// quantization through weight equalization and bias correction", ICCV 2019.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/graph.h"

namespace suan::compress {

// A graph that computes the same. Between two convolutions, or two products, with nothing but ReLU,
// ReLU clipped at a number and max pooling between, channel i is divided by s_i = sqrt(r_i / r'_i),
// where r and r' are the largest magnitudes of the first layer's output and the second one's input
// channel i; depthwise convolutions included. A clip becomes one for each channel. Repeated until
// nothing changes by more than 1 %. `graph` is one that inference_graph gives.
Graph equalize(const Graph& graph);

}  // namespace suan::compress
