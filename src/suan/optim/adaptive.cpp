// RMSprop and Adagrad.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/adaptive.h"

#include <cmath>

#include "suan/ops/elementwise.h"

namespace suan::optim {

RmsProp::RmsProp(std::vector<StatePtr> parameters, RmsPropOptions options)
    : RmsProp(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
RmsProp::RmsProp(std::vector<ParameterGroup> groups, RmsPropOptions options)
    : Optimizer(std::move(groups), options.lr, options.weight_decay), options_(options) {
  check_setting("RMSprop", "alpha", options.alpha, 0, 1);
  check_setting("RMSprop", "momentum", options.momentum, 0, INFINITY);
  v_ = make_slots("v");
  if (options.centered) mean_ = make_slots("mean");
  if (options.momentum != 0) momentum_ = make_slots("momentum");
}

Tensor RmsProp::update(const Update& u) {
  const double alpha = options_.alpha;
  const Tensor g = u.weight_decay == 0 ? u.grad : u.grad + u.weight_decay * u.value;
  Tensor v = alpha * v_[u.index]->read() + (1 - alpha) * (g * g);
  v_[u.index]->assign(v);
  if (options_.centered) {
    const Tensor mean = alpha * mean_[u.index]->read() + (1 - alpha) * g;
    mean_[u.index]->assign(mean);
    v = v - mean * mean;
  }
  Tensor change = g / (sqrt(v) + options_.eps);
  if (options_.momentum != 0) {
    change = options_.momentum * momentum_[u.index]->read() + change;
    momentum_[u.index]->assign(change);
  }
  return u.value - u.lr * change;
}

Adagrad::Adagrad(std::vector<StatePtr> parameters, AdagradOptions options)
    : Adagrad(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
Adagrad::Adagrad(std::vector<ParameterGroup> groups, AdagradOptions options)
    : Optimizer(std::move(groups), options.lr, options.weight_decay), options_(options) {
  check_setting("Adagrad", "lr_decay", options.lr_decay, 0, INFINITY);
  check_setting("Adagrad", "initial_accumulator", options.initial_accumulator, 0, INFINITY);
  sum_ = make_slots("sum", options.initial_accumulator);
}

void Adagrad::begin(const Tensor& /*lr*/, const Tensor& step) {
  slowdown_ = 1.0 + (step - 1.0) * options_.lr_decay;
}

Tensor Adagrad::update(const Update& u) {
  const Tensor g = u.weight_decay == 0 ? u.grad : u.grad + u.weight_decay * u.value;
  const Tensor sum = sum_[u.index]->read() + g * g;
  sum_[u.index]->assign(sum);
  const Tensor lr = u.lr / cast(slowdown_, u.value.dtype());
  return u.value - lr * (g / (sqrt(sum) + options_.eps));
}

}  // namespace suan::optim
