// Learning rate schedules: plain data and a pure function of the step, so a run can be resumed from
// the step number alone.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "suan/graph/attrs.h"

namespace suan::optim {

enum class ScheduleKind : uint8_t {
  constant,     // lr
  step,         // lr gamma^floor(t / step_size)
  multi_step,   // lr gamma^(milestones that are <= t)
  exponential,  // lr gamma^t
  cosine,       // min_lr + (lr - min_lr) (1 + cos(pi t / T)) / 2
  linear,       // lr + (min_lr - lr) t / T
  one_cycle,    // up from lr / div_factor to lr, then down to lr / div_factor / final_div_factor
};
std::span<const std::string_view> enum_names(ScheduleKind kind);

// Fields that a kind does not name above are ignored. t counts steps from the end of the warm-up;
// T is total_steps - warmup_steps, and cosine and linear stay at min_lr after it.
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  double lr = 1e-3;
  // Any kind but one_cycle: the first steps take lr (step + 1) / (warmup_steps + 1).
  int64_t warmup_steps = 0;
  int64_t total_steps = 0;
  double min_lr = 0;
  double gamma = 0.1;
  int64_t step_size = 1;
  std::vector<int64_t> milestones;
  // one_cycle, as torch.optim.lr_scheduler.OneCycleLR with cosine annealing. Smith and Topin 2017.
  double rise = 0.3;  // share of the steps that go up
  double div_factor = 25;
  double final_div_factor = 1e4;

  // The learning rate of a step, counted from 0.
  double operator()(int64_t step) const;
  // Throws Error where a field is out of its range.
  void check() const;

  bool operator==(const Schedule&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"kind", &Schedule::kind},
                      Field{"lr", &Schedule::lr},
                      Field{"warmup_steps", &Schedule::warmup_steps},
                      Field{"total_steps", &Schedule::total_steps},
                      Field{"min_lr", &Schedule::min_lr},
                      Field{"gamma", &Schedule::gamma},
                      Field{"step_size", &Schedule::step_size},
                      Field{"milestones", &Schedule::milestones},
                      Field{"rise", &Schedule::rise},
                      Field{"div_factor", &Schedule::div_factor},
                      Field{"final_div_factor", &Schedule::final_div_factor}};
  }
};

// "kind=cosine, lr=0.001, ..." and back; parsing throws Error naming the field that does not fit.
std::string to_text(const Schedule& schedule);
Schedule parse_schedule(std::string_view text);

// Lowers the learning rate when a metric has stopped improving, as torch's ReduceLROnPlateau. The
// whole object is its state: save and restore it by to_text and parse_plateau.
struct Plateau {
  double lr = 1e-3;
  double factor = 0.1;
  int64_t patience = 10;    // updates without improvement before lr is lowered
  double threshold = 1e-4;  // relative change that counts as improvement
  int64_t cooldown = 0;     // updates after a change during which nothing is counted
  double min_lr = 0;
  bool larger_is_better = false;
  double best = 0;
  bool started = false;
  int64_t bad_updates = 0;
  int64_t cooling = 0;

  // Takes the metric of one epoch and returns the learning rate from now on.
  double update(double metric);

  bool operator==(const Plateau&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"lr", &Plateau::lr},
                      Field{"factor", &Plateau::factor},
                      Field{"patience", &Plateau::patience},
                      Field{"threshold", &Plateau::threshold},
                      Field{"cooldown", &Plateau::cooldown},
                      Field{"min_lr", &Plateau::min_lr},
                      Field{"larger_is_better", &Plateau::larger_is_better},
                      Field{"best", &Plateau::best},
                      Field{"started", &Plateau::started},
                      Field{"bad_updates", &Plateau::bad_updates},
                      Field{"cooling", &Plateau::cooling}};
  }
};
std::string to_text(const Plateau& plateau);
Plateau parse_plateau(std::string_view text);

}  // namespace suan::optim
