// The counter behind the limit on pending nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/pending.h"

#include "suan/graph/trace.h"

namespace suan {
namespace {

thread_local int pending_nodes = 0;
thread_local int paused = 0;
PendingHandler pending_handler = nullptr;

}  // namespace

void set_pending_handler(PendingHandler handler) { pending_handler = handler; }
void reset_pending() { pending_nodes = 0; }

void note_pending(const std::shared_ptr<Node>& node) {
  if (paused || Trace::current() || ++pending_nodes <= kMaxPendingNodes || !pending_handler) return;
  pending_nodes = 0;
  pending_handler(node);
}

PauseTracking::PauseTracking() { ++paused; }
PauseTracking::~PauseTracking() { --paused; }

}  // namespace suan
