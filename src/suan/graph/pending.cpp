// The counter behind the limit on pending nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/pending.h"

#include "suan/graph/trace.h"

namespace suan {
namespace {

thread_local int pending_nodes = 0;
thread_local int paused = 0;

}  // namespace

void reset_pending() { pending_nodes = 0; }

void note_pending(const NodePtr& node) {
  if (paused || Trace::current() || ++pending_nodes <= kMaxPendingNodes) return;
  pending_nodes = realise_pending(node) ? 0 : kMaxPendingNodes;
}

PauseTracking::PauseTracking() { ++paused; }
PauseTracking::~PauseTracking() { --paused; }

}  // namespace suan
