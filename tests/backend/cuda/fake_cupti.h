// CUPTI's part of the fake driver: what it sends is recorded here where a timeline listens.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cupti.h>

#include <functional>

namespace fake_cupti {

struct Work {
  CUpti_ActivityKind kind;
  const char* kernel;
  size_t bytes;
};
// The task, which will record that it ran as work that was sent now.
std::function<void()> traced(const Work& work, std::function<void()> task);

}  // namespace fake_cupti
