// The frame of a step, and the states of an optimizer.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/optimizer.h"

#include <cmath>
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/graph/trace.h"
#include "suan/ops/elementwise.h"
#include "suan/tensor/compile.h"

namespace suan::optim {
namespace {

Array scalar(double value, DType dtype) {
  Array array(dtype, {});
  visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    *array.as<T>() = static_cast<T>(static_cast<float>(value));
  });
  return array;
}

}  // namespace

std::vector<ParameterGroup> decay_groups(const std::vector<StatePtr>& parameters,
                                         double weight_decay) {
  std::vector<ParameterGroup> groups(2);
  groups[0].weight_decay = weight_decay;
  groups[1].weight_decay = 0;
  for (const StatePtr& p : parameters) {
    groups[p->type().shape.rank() >= 2 ? 0 : 1].parameters.push_back(p);
  }
  return groups;
}

Optimizer::Optimizer(std::vector<ParameterGroup> groups, double lr, double weight_decay) {
  std::unordered_set<const State*> seen;
  for (ParameterGroup& group : groups) {
    const double decay = group.weight_decay.value_or(weight_decay);
    check_setting("optimizer", "weight_decay", decay, 0, INFINITY);
    check_setting("optimizer", "lr_scale", group.lr_scale, 0, INFINITY);
    for (StatePtr& p : group.parameters) {
      if (!is_float(p->type().dtype)) {
        fail("optimizer", "'{}' is {}, expected a float", p->name(), to_string(p->type()));
      }
      if (!seen.insert(p.get()).second) fail("optimizer", "'{}' is given twice", p->name());
      parameters_.push_back(std::move(p));
      settings_.push_back({group.lr_scale, decay, group.matrix});
    }
  }
  lr_value_ = scalar(0, DType::f32);
  lr_ = State::create("optimizer.lr", scalar(0, DType::f32));
  step_ = State::create("optimizer.step", scalar(0, DType::i64));
  states_ = {lr_, step_};
  set_lr(lr);
}

void Optimizer::set_lr(double lr) {
  check_setting("optimizer", "lr", lr, 0, INFINITY);
  *lr_value_.as<float>() = static_cast<float>(lr);
  lr_->load(lr_value_);
}
double Optimizer::lr() const { return *lr_->array().as<float>(); }
int64_t Optimizer::steps() const { return *step_->array().as<int64_t>(); }

std::vector<StatePtr> Optimizer::make_slots(const std::string& name, double value,
                                            const std::function<bool(size_t)>& wanted) {
  std::vector<StatePtr> slots;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (wanted && !wanted(i)) {
      slots.emplace_back();
      continue;
    }
    const StatePtr& p = parameters_[i];
    Array array(p->type().dtype, p->type().shape);
    visit(array.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      for (T& v : array.span<T>()) v = static_cast<T>(static_cast<float>(value));
    });
    slots.push_back(State::create("optimizer." + name + "." + p->name(), array));
    states_.push_back(slots.back());
  }
  return slots;
}

bool Optimizer::is_matrix(size_t index) const {
  const int rank = parameters_[index]->type().shape.rank();
  return settings_[index].matrix && (rank == 2 || rank == 4);
}

void Optimizer::begin(const Tensor& /*lr*/, const Tensor& /*step*/) {}

void Optimizer::step(const std::vector<Tensor>& grads) {
  if (grads.size() != parameters_.size()) {
    fail("optimizer", "got {} gradients for {} parameters", grads.size(), parameters_.size());
  }
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!(grads[i].shape() == parameters_[i]->type().shape)) {
      fail("optimizer", "the gradient of '{}' has shape {}, expected {}", parameters_[i]->name(),
           to_string(grads[i].shape()), to_string(parameters_[i]->type().shape));
    }
  }
  const Tensor lr = lr_->read();
  step_->assign(step_->read() + 1.0);
  begin(lr, cast(step_->read(), DType::f32));
  for (size_t i = 0; i < grads.size(); ++i) {
    const StatePtr& p = parameters_[i];
    const DType dtype = p->type().dtype;
    const double scale = settings_[i].lr_scale;
    p->assign(update({i, p->read(), cast(grads[i], dtype),
                      cast(scale == 1 ? lr : lr * scale, dtype), settings_[i].weight_decay}));
  }
  if (!Trace::current()) {
    std::vector<StatePtr> all = states_;
    all.insert(all.end(), parameters_.begin(), parameters_.end());
    realise(all);
  }
}

Tensor bias_correction(double decay, const Tensor& step) {
  if (decay == 0) return 1.0;
  return -expm1(step * std::log(decay));
}

void check_setting(std::string_view optimizer, std::string_view field, double value, double low,
                   double high) {
  if (!(value >= low && value < high)) {
    fail(optimizer, "{} is {}, expected at least {} and below {}", field, value, low, high);
  }
}

}  // namespace suan::optim
