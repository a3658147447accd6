// Stochastic gradient descent.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/sgd.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"

namespace suan::optim {

Sgd::Sgd(std::vector<StatePtr> parameters, SgdOptions options)
    : Sgd(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
Sgd::Sgd(std::vector<ParameterGroup> groups, SgdOptions options)
    : Optimizer(std::move(groups), options.lr, options.weight_decay), options_(options) {
  check_setting("SGD", "momentum", options.momentum, 0, INFINITY);
  if (options.nesterov && (options.momentum == 0 || options.dampening != 0)) {
    fail("SGD", "nesterov needs momentum and no dampening, got {} and {}", options.momentum,
         options.dampening);
  }
  if (options.momentum != 0) momentum_ = make_slots("momentum");
}

void Sgd::begin(const Tensor& /*lr*/, const Tensor& step) {
  share_ = options_.dampening == 0 ? Tensor(1.0)
                                   : select(step > 1.0, Tensor(1 - options_.dampening), 1.0);
}

Tensor Sgd::update(const Update& u) {
  Tensor g = u.weight_decay == 0 ? u.grad : u.grad + u.weight_decay * u.value;
  if (options_.momentum != 0) {
    const StatePtr& slot = momentum_[u.index];
    const Tensor damped = options_.dampening == 0 ? g : g * cast(share_, g.dtype());
    const Tensor momentum = options_.momentum * slot->read() + damped;
    slot->assign(momentum);
    g = options_.nesterov ? g + options_.momentum * momentum : momentum;
  }
  return u.value - u.lr * g;
}

}  // namespace suan::optim
