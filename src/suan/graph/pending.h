// A count of nodes made outside a trace since the last realisation, so that a program that never
// reads a value does not grow its graph for ever.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/node.h"

namespace suan {

inline constexpr int kMaxPendingNodes = 10'000;

// Called for each new node; past the limit it realises what has been built so far.
void note_pending(const NodePtr& node);
void reset_pending();
// Computes the node and what it depends on; false where that is too little to be what has grown.
// Defined in tensor/realise.cpp, as Tensor::array is.
bool realise_pending(const NodePtr& node);

// While one of these lives, new nodes on this thread are not counted (passes, gradients, rules).
class PauseTracking {
 public:
  PauseTracking();
  ~PauseTracking();
  PauseTracking(const PauseTracking&) = delete;
  PauseTracking& operator=(const PauseTracking&) = delete;
};

}  // namespace suan
