// Profiling a program: how long each of its steps takes and, on a device that tells, what it does
// when. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "suan/backend/device.h"
#include "suan/program/explain.h"

namespace suan {

struct Profile {
  std::vector<StepInfo> steps;       // their seconds are means over the runs
  double other_seconds = 0;          // the same of what a device did for no step
  std::vector<Activity> activities;  // of a device, in the last run
  // Of a device, where its timeline is not to be had: its steps were then timed one by one, each
  // with what it takes to start it. Empty: there is a timeline.
  std::string why_no_timeline;
  double total_seconds() const;  // of all steps
};

// `run` runs the program of the context once. Nothing is recorded and played meanwhile.
Profile profile(RunContext& context, const std::function<void()>& run, int runs);

}  // namespace suan
