// Adam and its relatives.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/adam.h"

#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"

namespace suan::optim {
namespace {

std::vector<ParameterGroup> one_group(std::vector<StatePtr> parameters) {
  return {{std::move(parameters)}};
}

void check_betas(std::string_view optimizer, double beta1, double beta2) {
  check_setting(optimizer, "beta1", beta1, 0, 1);
  check_setting(optimizer, "beta2", beta2, 0, 1);
}

// decay slot + (1 - decay) x, which the slot takes.
Tensor average(const StatePtr& slot, double decay, const Tensor& x) {
  const Tensor value = decay * slot->read() + (1 - decay) * x;
  slot->assign(value);
  return value;
}

Tensor norm(const Tensor& x) { return sqrt(sum(square(x))); }

}  // namespace

Adam::Adam(std::vector<StatePtr> parameters, AdamOptions options)
    : Adam(one_group(std::move(parameters)), options) {}
Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions options)
    : Adam(std::move(groups), options, false) {}
Adam::Adam(std::vector<ParameterGroup> groups, AdamOptions options, bool decoupled)
    : Optimizer(std::move(groups), options.lr, options.weight_decay),
      options_(options),
      decoupled_(decoupled) {
  check_betas("Adam", options.beta1, options.beta2);
  m_ = make_slots("m");
  v_ = make_slots("v");
  if (options.amsgrad) largest_v_ = make_slots("largest_v");
}

void Adam::begin(const Tensor& /*lr*/, const Tensor& step) {
  correction1_ = bias_correction(options_.beta1, step);
  root_correction2_ = sqrt(bias_correction(options_.beta2, step));
}

Tensor Adam::update(const Update& u) {
  const DType dtype = u.value.dtype();
  Tensor g = u.grad;
  Tensor w = u.value;
  if (u.weight_decay != 0 && decoupled_) w = w * (1.0 - u.lr * u.weight_decay);
  if (u.weight_decay != 0 && !decoupled_) g = g + u.weight_decay * w;
  const Tensor m = average(m_[u.index], options_.beta1, g);
  Tensor v = average(v_[u.index], options_.beta2, g * g);
  if (options_.amsgrad) {
    v = maximum(largest_v_[u.index]->read(), v);
    largest_v_[u.index]->assign(v);
  }
  const Tensor root = sqrt(v) / cast(root_correction2_, dtype) + options_.eps;
  return w - u.lr / cast(correction1_, dtype) * (m / root);
}

AdamW::AdamW(std::vector<StatePtr> parameters, AdamWOptions options)
    : AdamW(one_group(std::move(parameters)), options) {}
AdamW::AdamW(std::vector<ParameterGroup> groups, AdamWOptions o)
    : Adam(std::move(groups), {o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad}, true) {}

Lamb::Lamb(std::vector<StatePtr> parameters, LambOptions options)
    : Lamb(one_group(std::move(parameters)), options) {}
Lamb::Lamb(std::vector<ParameterGroup> groups, LambOptions options)
    : Optimizer(std::move(groups), options.lr, options.weight_decay), options_(options) {
  check_betas("LAMB", options.beta1, options.beta2);
  m_ = make_slots("m");
  v_ = make_slots("v");
}

void Lamb::begin(const Tensor& /*lr*/, const Tensor& step) {
  correction1_ = bias_correction(options_.beta1, step);
  root_correction2_ = sqrt(bias_correction(options_.beta2, step));
}

Tensor Lamb::update(const Update& u) {
  const DType dtype = u.value.dtype();
  const Tensor m = average(m_[u.index], options_.beta1, u.grad);
  const Tensor v = average(v_[u.index], options_.beta2, u.grad * u.grad);
  const Tensor root = sqrt(v) / cast(root_correction2_, dtype) + options_.eps;
  Tensor change = m / cast(correction1_, dtype) / root;
  if (u.weight_decay != 0) change = change + u.weight_decay * u.value;
  const Tensor w_norm = norm(u.value);
  const Tensor change_norm = norm(change);
  const Tensor ratio =
      select(logical_and(w_norm > 0.0, change_norm > 0.0), w_norm / change_norm, 1.0);
  return u.value - u.lr * ratio * change;
}

Lion::Lion(std::vector<StatePtr> parameters, LionOptions options)
    : Lion(one_group(std::move(parameters)), options) {}
Lion::Lion(std::vector<ParameterGroup> groups, LionOptions options)
    : Optimizer(std::move(groups), options.lr, options.weight_decay), options_(options) {
  check_betas("Lion", options.beta1, options.beta2);
  m_ = make_slots("m");
}

Tensor Lion::update(const Update& u) {
  const Tensor m = m_[u.index]->read();
  Tensor change = sign(options_.beta1 * m + (1 - options_.beta1) * u.grad);
  if (u.weight_decay != 0) change = change + u.weight_decay * u.value;
  average(m_[u.index], options_.beta2, u.grad);
  return u.value - u.lr * change;
}

}  // namespace suan::optim
