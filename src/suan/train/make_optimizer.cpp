// Optimizers and schedules by name.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>

#include "suan/optim/optim.h"
#include "suan/train/make.h"

namespace suan::train {
namespace {

struct Entry {
  std::string name;
  std::function<std::unique_ptr<optim::Optimizer>(const Options&,
                                                  std::vector<optim::ParameterGroup>)>
      make;
};

template <class O, class S, class... Fields>
Entry entry(std::string name, Fields... fields) {
  return {
      name, [name, fields...](const Options& options, std::vector<optim::ParameterGroup> groups) {
        S settings;
        read_options(
            "optimizer " + name, options, settings,
            std::tuple{Field{"lr", &S::lr}, Field{"weight_decay", &S::weight_decay}, fields...});
        return std::make_unique<O>(std::move(groups), settings);
      }};
}

template <class O, class S, class... Fields>
Entry adam_entry(std::string name, Fields... fields) {
  return entry<O, S>(std::move(name), Field{"beta1", &S::beta1}, Field{"beta2", &S::beta2},
                     fields...);
}

const std::vector<Entry>& entries() {
  using namespace optim;
  static const std::vector<Entry> table{
      entry<Sgd, SgdOptions>("sgd", Field{"momentum", &SgdOptions::momentum},
                             Field{"dampening", &SgdOptions::dampening},
                             Field{"nesterov", &SgdOptions::nesterov}),
      adam_entry<Adam, AdamOptions>("adam", Field{"eps", &AdamOptions::eps},
                                    Field{"amsgrad", &AdamOptions::amsgrad}),
      adam_entry<AdamW, AdamWOptions>("adamw", Field{"eps", &AdamWOptions::eps},
                                      Field{"amsgrad", &AdamWOptions::amsgrad}),
      adam_entry<Lamb, LambOptions>("lamb", Field{"eps", &LambOptions::eps}),
      adam_entry<Lion, LionOptions>("lion"),
      entry<RmsProp, RmsPropOptions>("rmsprop", Field{"alpha", &RmsPropOptions::alpha},
                                     Field{"eps", &RmsPropOptions::eps},
                                     Field{"momentum", &RmsPropOptions::momentum},
                                     Field{"centered", &RmsPropOptions::centered}),
      entry<Adagrad, AdagradOptions>(
          "adagrad", Field{"lr_decay", &AdagradOptions::lr_decay},
          Field{"initial_accumulator", &AdagradOptions::initial_accumulator},
          Field{"eps", &AdagradOptions::eps}),
      adam_entry<Muon, MuonOptions>("muon", Field{"momentum", &MuonOptions::momentum},
                                    Field{"nesterov", &MuonOptions::nesterov},
                                    Field{"newton_schulz_steps", &MuonOptions::newton_schulz_steps},
                                    Field{"adamw_lr", &MuonOptions::adamw_lr},
                                    Field{"eps", &MuonOptions::eps}),
  };
  return table;
}

struct GroupOptions {
  bool decay_biases = true;
};

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const Entry& e : entries()) names.push_back(e.name);
  return names;
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Choice& choice,
                                                 const std::vector<StatePtr>& parameters) {
  Options options = choice.options;
  GroupOptions group_options;
  if (auto own = options.extract("decay_biases")) {
    Options only;
    only.insert(std::move(own));
    read_options("optimizer", only, group_options,
                 std::tuple{Field{"decay_biases", &GroupOptions::decay_biases}});
  }
  std::vector<optim::ParameterGroup> groups(1);
  groups[0].parameters = parameters;
  if (!group_options.decay_biases) {
    groups = optim::decay_groups(parameters, 0);
    groups[0].weight_decay.reset();
  }
  for (const Entry& e : entries()) {
    if (e.name == choice.name) return e.make(options, std::move(groups));
  }
  fail("optimizer", "{}", unknown_name("optimizer", choice.name, optimizer_names()));
}

optim::Schedule make_schedule(const ScheduleRecipe& recipe, double lr, int64_t total_steps,
                              int64_t steps_per_epoch) {
  optim::Schedule schedule;
  const auto kinds = enum_names(optim::ScheduleKind{});
  const auto kind = std::find(kinds.begin(), kinds.end(), recipe.kind);
  if (kind != kinds.end()) {
    schedule.kind = static_cast<optim::ScheduleKind>(kind - kinds.begin());
  }
  schedule.lr = lr;
  schedule.warmup_steps = recipe.warmup_steps +
                          std::llround(recipe.warmup_epochs * static_cast<double>(steps_per_epoch));
  schedule.total_steps = total_steps;
  schedule.min_lr = recipe.min_lr;
  schedule.gamma = recipe.gamma;
  schedule.step_size = recipe.step_size;
  schedule.milestones = recipe.milestones;
  schedule.rise = recipe.rise;
  schedule.div_factor = recipe.div_factor;
  schedule.final_div_factor = recipe.final_div_factor;
  schedule.check();
  return schedule;
}

}  // namespace suan::train
