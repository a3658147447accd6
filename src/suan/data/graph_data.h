// A graph with node features, labels and a split, as the Cora citation graph comes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/base/array.h"

namespace suan::data {

struct GraphData {
  int64_t nodes = 0, feature_count = 0, classes = 0;
  Array edges;                          // i64 [2, e], as in the file
  Array feature_index, feature_values;  // i64 [2, k] (node, feature) and f32 [k]: the non-zero ones
  Array labels;                         // i64 [nodes]
  Array train, valid, test;             // i64, node numbers

  Array dense_features() const;  // f32 [nodes, feature_count]
};

// Reads `edge.csv`, `node-feat.coo.csv`, `node-label.csv`, `train.csv`, `valid.csv`, `test.csv`
// (each plain or with ".gz", without a header) and `meta.json` {"nodes", "features", "classes"}.
// Throws Error(kBadFile) naming file and line, Error(kOutOfRange) for numbers outside.
GraphData read_graph(const std::string& folder);

}  // namespace suan::data
