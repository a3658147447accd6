// Timing the steps of a program.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/profile.h"

#include <utility>

namespace suan {
namespace {

// What the context measures, until this goes.
class Measuring {
 public:
  Measuring(RunContext& context, Timeline* timeline) : context_(context) {
    context_.profile = &seconds;
    context_.timeline = timeline;
    seconds.resize(context.program().plan().steps.size());
  }
  ~Measuring() {
    context_.profile = nullptr;
    context_.timeline = nullptr;
  }
  Measuring(const Measuring&) = delete;
  Measuring& operator=(const Measuring&) = delete;
  std::vector<double> seconds;  // by step, of all runs

 private:
  RunContext& context_;
};

// Steps that were one launch share its time by the bytes that they move.
void share_launches(const Plan& plan, std::vector<StepInfo>& steps) {
  for (size_t first = 0; first < steps.size(); ++first) {
    const PlannedStep& step = plan.steps[first];
    if (!step.on_device || step.together == 1) continue;
    const size_t end = first + step.together;
    double bytes = 0;
    for (size_t i = first; i < end; ++i) bytes += steps[i].bytes;
    const double seconds = steps[first].seconds;
    for (size_t i = first; i < end; ++i) steps[i].seconds = seconds * steps[i].bytes / bytes;
    first = end - 1;
  }
}

}  // namespace

double Profile::total_seconds() const {
  double total = 0;
  for (const StepInfo& step : steps) total += step.seconds;
  return total;
}

Profile profile(RunContext& context, const std::function<void()>& run, int runs) {
  constexpr int kWarmUp = 3;
  for (int i = 0; i < kWarmUp; ++i) run();
  Profile profile{.steps = explain_steps(context.program())};
  Device* device = context.program().backend().device;
  const std::unique_ptr<Timeline> timeline =
      device ? device->timeline(profile.why_no_timeline) : nullptr;
  Measuring measuring(context, timeline.get());
  for (int i = 0; i < runs; ++i) {
    if (timeline) timeline->take();  // what came before is nobody's
    run();
    if (!timeline) continue;
    profile.activities = timeline->take();
    for (const Activity& a : profile.activities) {
      const double seconds = static_cast<double>(a.end - a.begin) / 1e9;
      (a.step < 0 ? profile.other_seconds : measuring.seconds[static_cast<size_t>(a.step)]) +=
          seconds;
    }
  }
  for (size_t i = 0; i < profile.steps.size(); ++i) {
    profile.steps[i].seconds = measuring.seconds[i] / runs;
  }
  profile.other_seconds /= runs;
  if (timeline) share_launches(context.program().plan(), profile.steps);
  return profile;
}

}  // namespace suan
