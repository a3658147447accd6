// Rebatching: a compressed graph for another batch size, without the data it was made with.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/graph.h"

namespace suan::compress {

// `compressed`, which was made of `original` by changing weights and adding nodes, for the sizes of
// `other`: the graph that `original` would have been for another batch. The two are compared node
// by node; attributes that differ are changed wherever they appear. Throws Error naming the node
// where the graphs have different ops, or equal attributes differ in two ways: then the batch size
// of `original` is also another size of the model, and a prime would be better.
Graph rebatched(const Graph& compressed, const Graph& original, const Graph& other);

}  // namespace suan::compress
