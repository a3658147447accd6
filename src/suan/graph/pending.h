// A count of nodes made outside a trace since the last realisation, so that a program that never
// reads a value does not grow its graph for ever.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/node.h"

namespace suan {

inline constexpr int kMaxPendingNodes = 10'000;

// Called for each new node; past the limit it calls the handler that tensor/realise installed.
void note_pending(const std::shared_ptr<Node>& node);
void reset_pending();
using PendingHandler = void (*)(const NodePtr&);
void set_pending_handler(PendingHandler handler);

// While one of these lives, new nodes on this thread are not counted (passes, gradients, rules).
class PauseTracking {
 public:
  PauseTracking();
  ~PauseTracking();
  PauseTracking(const PauseTracking&) = delete;
  PauseTracking& operator=(const PauseTracking&) = delete;
};

}  // namespace suan
