// The formulas of the schedules.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "suan/base/error.h"

namespace suan::optim {
namespace {

// From `a` at x = 0 to `b` at x = 1 along half a cosine wave.
double anneal(double a, double b, double x) {
  return b + (a - b) * (1 + std::cos(std::numbers::pi * x)) / 2;
}

double one_cycle(const Schedule& s, int64_t step) {
  const double first = s.lr / s.div_factor;
  const double peak = s.rise * static_cast<double>(s.total_steps) - 1;
  const auto last = static_cast<double>(s.total_steps - 1);
  const double t = std::min(static_cast<double>(step), last);
  if (t <= peak) return anneal(first, s.lr, peak > 0 ? t / peak : 1);
  return anneal(s.lr, first / s.final_div_factor, (t - peak) / (last - peak));
}

template <class T>
std::string as_text(const T& value) {
  std::string out;
  print_attrs<T>(&value, out);
  return out;
}
template <class T>
T from_text(std::string_view text, std::string_view where) {
  std::string field;
  const auto value = parse_attrs<T>(text, field);
  if (!value || !text.empty()) fail(where, "cannot read '{}'", value ? text : field);
  return *std::static_pointer_cast<const T>(value);
}

}  // namespace

std::span<const std::string_view> enum_names(ScheduleKind /*kind*/) {
  static constexpr std::array<std::string_view, 7> kNames{
      "constant", "step", "multi_step", "exponential", "cosine", "linear", "one_cycle"};
  return kNames;
}

void Schedule::check() const {
  const bool ends = kind == ScheduleKind::cosine || kind == ScheduleKind::linear ||
                    kind == ScheduleKind::one_cycle;
  if (!(lr >= 0 && std::isfinite(lr))) fail("schedule", "lr is {}, expected 0 or more", lr);
  if (warmup_steps < 0) fail("schedule", "warmup_steps is {}, expected 0 or more", warmup_steps);
  if (ends && total_steps <= warmup_steps) {
    fail("schedule", "total_steps is {}, expected more than the {} of warm-up", total_steps,
         warmup_steps);
  }
  if (step_size < 1) fail("schedule", "step_size is {}, expected 1 or more", step_size);
  if (!(gamma > 0)) fail("schedule", "gamma is {}, expected more than 0", gamma);
  if (!(rise >= 0 && rise <= 1)) fail("schedule", "rise is {}, expected 0 to 1", rise);
  if (!(div_factor > 0 && final_div_factor > 0)) {
    fail("schedule", "div_factor and final_div_factor are {} and {}, expected more than 0",
         div_factor, final_div_factor);
  }
}

double Schedule::operator()(int64_t step) const {
  if (kind == ScheduleKind::one_cycle) return one_cycle(*this, step);
  if (step < warmup_steps) {
    return lr * static_cast<double>(step + 1) / static_cast<double>(warmup_steps + 1);
  }
  const int64_t t = step - warmup_steps;
  const auto total = static_cast<double>(std::max<int64_t>(1, total_steps - warmup_steps));
  const double x = std::min(1.0, static_cast<double>(t) / total);
  switch (kind) {
    case ScheduleKind::step:
      return lr *
             std::pow(gamma, std::floor(static_cast<double>(t) / static_cast<double>(step_size)));
    case ScheduleKind::multi_step: {
      const auto passed =
          std::count_if(milestones.begin(), milestones.end(), [&](int64_t m) { return m <= t; });
      return lr * std::pow(gamma, static_cast<double>(passed));
    }
    case ScheduleKind::exponential:
      return lr * std::pow(gamma, static_cast<double>(t));
    case ScheduleKind::cosine:
      return anneal(lr, min_lr, x);
    case ScheduleKind::linear:
      return lr + (min_lr - lr) * x;
    case ScheduleKind::constant:
    case ScheduleKind::one_cycle:
      break;
  }
  return lr;
}

std::string to_text(const Schedule& schedule) { return as_text(schedule); }
Schedule parse_schedule(std::string_view text) {
  const auto schedule = from_text<Schedule>(text, "schedule");
  schedule.check();
  return schedule;
}

double Plateau::update(double metric) {
  const double sign = larger_is_better ? 1 : -1;
  const bool better = !started || sign * metric > sign * best + threshold * std::abs(best);
  if (better) {
    best = metric;
    started = true;
    bad_updates = 0;
  } else {
    ++bad_updates;
  }
  if (cooling > 0) {
    --cooling;
    bad_updates = 0;
  }
  if (bad_updates > patience) {
    lr = std::max(lr * factor, min_lr);
    cooling = cooldown;
    bad_updates = 0;
  }
  return lr;
}

std::string to_text(const Plateau& plateau) { return as_text(plateau); }
Plateau parse_plateau(std::string_view text) { return from_text<Plateau>(text, "plateau"); }

}  // namespace suan::optim
