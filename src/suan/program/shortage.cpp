// Values that live when the arena is fullest are what takes the memory; those with the batch in
// their first axis shrink with it. SPDX-License-Identifier: Apache-2.0
#include "suan/program/shortage.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "suan/graph/state.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/program/explain.h"

namespace suan {
namespace {

constexpr size_t kShown = 3;

struct Value {
  Tensor tensor;  // that is written there first
  size_t bytes = 0;
  int first = 0, last = 0;
};

bool takes_device_memory(const Storage& s) {
  return s.on_device && (s.place == Place::arena || s.place == Place::fresh);
}

std::vector<Value> values_of(const Plan& plan) {
  std::vector<Value> values;
  std::vector<bool> seen(plan.storages.size());
  for (const PlannedStep& step : plan.steps) {
    for (size_t i = 0; i < step.out.size(); ++i) {
      if (step.out[i] < 0 || seen[static_cast<size_t>(step.out[i])]) continue;
      seen[static_cast<size_t>(step.out[i])] = true;
      const Storage& s = plan.storages[static_cast<size_t>(step.out[i])];
      if (!takes_device_memory(s)) continue;
      values.push_back({Tensor(step.node, static_cast<int>(i)), s.bytes, s.first, s.last});
    }
  }
  return values;
}

// The first axis of all arguments that have one; 0: they do not agree.
int64_t batch_of(const Plan& plan) {
  int64_t batch = 0;
  for (const PlannedStep& step : plan.steps) {
    if (!step.kernel) continue;
    for (const Tensor& t : step.node->inputs) {
      if (!t || !is(t.node(), Op::input) || t.rank() == 0) continue;
      if (batch != 0 && batch != t.shape()[0]) return 0;
      batch = t.shape()[0];
    }
  }
  return batch;
}

// Whether it has so many values for each of the batch. What has the type of a state is a gradient.
bool grows_with(const Tensor& t, int64_t batch, const Plan& plan) {
  const Shape& shape = t.shape();
  if (shape.rank() == 0 || shape[0] % batch != 0) return false;
  return std::none_of(plan.states.begin(), plan.states.end(),
                      [&](const PlannedState& s) { return s.state->type().shape == shape; });
}

int fullest_step(const std::vector<Value>& values, size_t steps) {
  std::vector<size_t> live(steps + 1);
  for (const Value& v : values) {
    for (int i = std::max(0, v.first); i <= v.last && i < static_cast<int>(steps); ++i) {
      live[static_cast<size_t>(i)] += v.bytes;
    }
  }
  return static_cast<int>(std::max_element(live.begin(), live.end()) - live.begin());
}

std::string text_of(const Value& value) {
  return fmt::format("{} of {} {}", bytes_text(static_cast<double>(value.bytes)),
                     where_of(value.tensor.node()), to_string(value.tensor.type()));
}

std::string advice(const std::vector<Value>& live, const Plan& plan, size_t asked, size_t free) {
  const int64_t batch = batch_of(plan);
  if (batch < 2) return {};
  size_t all = 0, growing = 0;
  for (const Value& v : live) {
    all += v.bytes;
    if (grows_with(v.tensor, batch, plan)) growing += v.bytes;
  }
  if (growing == 0) return {};
  const double share = static_cast<double>(growing) / static_cast<double>(all);
  const double fixed = static_cast<double>(asked) * (1 - share);
  const double each = static_cast<double>(asked) * share / static_cast<double>(batch);
  const auto fits = static_cast<int64_t>((static_cast<double>(free) - fixed) / each);
  if (fits < 1) return "; not even a batch of 1 would fit";
  return fmt::format("; a batch of about {} instead of {} would fit", std::min(fits, batch - 1),
                     batch);
}

}  // namespace

std::string explain_shortage(const Plan& plan, size_t asked, size_t free, size_t total) {
  std::vector<Value> live = values_of(plan);
  const int fullest = fullest_step(live, plan.steps.size());
  std::erase_if(live, [&](const Value& v) { return v.first > fullest || v.last < fullest; });
  std::stable_sort(live.begin(), live.end(),
                   [](const Value& a, const Value& b) { return a.bytes > b.bytes; });
  std::string text =
      fmt::format("a program of {} steps asks for {}, {} of {} are free", plan.steps.size(),
                  bytes_text(static_cast<double>(asked)), bytes_text(static_cast<double>(free)),
                  bytes_text(static_cast<double>(total)));
  for (size_t i = 0; i < std::min(kShown, live.size()); ++i) {
    text += (i == 0 ? "; the largest values are " : ", ") + text_of(live[i]);
  }
  return text + advice(live, plan, asked, free);
}

}  // namespace suan
