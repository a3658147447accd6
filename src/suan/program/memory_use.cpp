// Adding up the storages of a plan.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/memory_use.h"

#include <algorithm>
#include <unordered_set>

#include "suan/graph/state.h"

namespace suan {

size_t MemoryUse::peak() const {
  const auto most = std::max_element(by_step.begin(), by_step.end());
  return kept + arguments + (most == by_step.end() ? 0 : *most);
}

MemoryUse memory_use(const Plan& plan, bool on_device) {
  MemoryUse use{.by_step = std::vector<size_t>(plan.steps.size()), .arena = plan.arena_bytes};
  std::unordered_set<int> constants;  // several storages may name one
  for (const Storage& s : plan.storages) {
    if (s.on_device != on_device) continue;
    if (s.place == Place::constant && constants.insert(s.index).second) use.kept += s.bytes;
    if (s.place == Place::input || s.place == Place::fresh) use.arguments += s.bytes;
    if (s.place != Place::arena) continue;
    for (int step = s.first; step <= s.last; ++step) {
      use.by_step[static_cast<size_t>(step)] += s.bytes;
    }
  }
  for (const PlannedState& s : plan.states) use.kept += s.state->type().bytes();
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].on_device == on_device) use.by_step[i] += plan.steps[i].scratch_bytes;
  }
  return use;
}

}  // namespace suan
