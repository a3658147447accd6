// Events of the steps and activities of a profile.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/profile_trace.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <map>

#include "suan/formats/trace_events.h"
#include "suan/program/memory_use.h"

namespace suan::formats {
namespace {

constexpr int kStepTrack = 0;  // queues of the device come after it

struct Span {
  double start = std::numeric_limits<double>::infinity(), end = 0;  // seconds
  bool empty() const { return start > end; }
};

// When each step was under way, from the beginning of the run on; empty where no activity tells.
std::vector<Span> spans_of(const Profile& profile) {
  std::vector<Span> spans(profile.steps.size());
  if (profile.activities.empty()) {
    double now = 0;
    for (size_t i = 0; i < spans.size(); ++i) {
      spans[i] = {now, now + profile.steps[i].seconds};
      now = spans[i].end;
    }
    return spans;
  }
  const int64_t zero = profile.activities.front().begin;
  for (const Activity& a : profile.activities) {
    if (a.step < 0) continue;
    Span& span = spans[static_cast<size_t>(a.step)];
    span.start = std::min(span.start, static_cast<double>(a.begin - zero) / 1e9);
    span.end = std::max(span.end, static_cast<double>(a.end - zero) / 1e9);
  }
  return spans;
}

TraceEvent event_of(const StepInfo& step, const Span& span, const Roofline& roofline) {
  const auto rate = [&](double amount) {
    return fmt::format("{:.1f}", giga_per_second(amount, step.seconds));
  };
  return {.name = step.what,
          .category = "step",
          .start = span.start,
          .duration = span.end - span.start,
          .track = kStepTrack,
          .details = {{"kernel", step.kernel},
                      {"output", step.type},
                      {"GFLOP/s", rate(step.flops)},
                      {"GB/s", rate(step.bytes)},
                      {"% roofline", fmt::format("{:.1f}", percent_of_roofline(step, roofline))}}};
}

// `queues`: the track of each queue that was seen.
TraceEvent event_of(const Activity& a, int64_t zero, const std::vector<StepInfo>& steps,
                    std::map<int, int>& queues) {
  constexpr const char* kCategories[] = {"kernel", "copy", "clear"};
  const auto next = static_cast<int>(queues.size()) + kStepTrack + 1;
  TraceEvent event{.name = a.name,
                   .category = kCategories[a.kind],
                   .start = static_cast<double>(a.begin - zero) / 1e9,
                   .duration = static_cast<double>(a.end - a.begin) / 1e9,
                   .track = queues.try_emplace(a.queue, next).first->second};
  if (a.step >= 0) {
    event.details = {{"step", std::to_string(a.step)},
                     {"node", steps[static_cast<size_t>(a.step)].what}};
  }
  if (a.bytes > 0) event.details.emplace_back("bytes", std::to_string(a.bytes));
  return event;
}

std::vector<TraceCounter> counters_of(const MemoryUse& use, const std::vector<Span>& spans) {
  std::vector<TraceCounter> counters;
  const auto at = [&](double time, size_t working) {
    counters.push_back({.name = "memory in bytes",
                        .time = time,
                        .values = {{"constants and states", static_cast<double>(use.kept)},
                                   {"inputs and results", static_cast<double>(use.arguments)},
                                   {"activations and scratch", static_cast<double>(working)}}});
  };
  double end = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (spans[i].empty()) continue;
    at(spans[i].start, use.by_step[i]);
    end = std::max(end, spans[i].end);
  }
  at(end, 0);
  return counters;
}

}  // namespace

void write_profile_trace(const std::string& path, const Program& program, const Profile& profile,
                         const Roofline& roofline) {
  const std::vector<Span> spans = spans_of(profile);
  std::vector<TraceEvent> events;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (!spans[i].empty()) events.push_back(event_of(profile.steps[i], spans[i], roofline));
  }
  std::map<int, int> queues;
  for (const Activity& a : profile.activities) {
    events.push_back(event_of(a, profile.activities.front().begin, profile.steps, queues));
  }
  std::map<int, std::string> tracks{{kStepTrack, "steps"}};
  for (const auto& [queue, track] : queues) tracks[track] = fmt::format("queue {}", queue);
  const MemoryUse use = memory_use(program.plan(), program.backend().device != nullptr);
  write_trace(path, events, counters_of(use, spans), tracks);
}

}  // namespace suan::formats
