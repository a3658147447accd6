// Muon.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/muon.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan::optim {

Tensor orthogonalised(const Tensor& x, int steps) {
  constexpr double kA = 3.4445;
  constexpr double kB = -4.7750;
  constexpr double kC = 2.0315;
  const bool tall = x.shape()[0] > x.shape()[1];
  Tensor y = tall ? transpose(x) : x;
  y = y / (sqrt(sum(square(y))) + 1e-7);
  for (int i = 0; i < steps; ++i) {
    const Tensor gram = matmul(y, y, false, true);
    y = kA * y + matmul(kB * gram + kC * matmul(gram, gram), y);
  }
  return tall ? transpose(y) : y;
}

Muon::Muon(std::vector<StatePtr> parameters, MuonOptions options)
    : Muon(std::vector<ParameterGroup>{{std::move(parameters)}}, options) {}
Muon::Muon(std::vector<ParameterGroup> groups, MuonOptions options)
    : Optimizer(std::move(groups), options.lr, options.weight_decay), options_(options) {
  check_setting("Muon", "momentum", options.momentum, 0, 1);
  check_setting("Muon", "beta1", options.beta1, 0, 1);
  check_setting("Muon", "beta2", options.beta2, 0, 1);
  check_setting("Muon", "newton_schulz_steps", options.newton_schulz_steps, 1, 100);
  if (!(options.lr > 0)) fail("Muon", "lr is {}, expected more than 0", options.lr);
  momentum_ = make_slots("momentum");
  v_ = make_slots("v", 0, [this](size_t i) { return !is_matrix(i); });
}

void Muon::begin(const Tensor& /*lr*/, const Tensor& step) {
  correction1_ = bias_correction(options_.beta1, step);
  root_correction2_ = sqrt(bias_correction(options_.beta2, step));
}

Tensor Muon::update(const Update& u) { return v_[u.index] ? adamw(u) : muon(u); }

Tensor Muon::muon(const Update& u) {
  const double keep = options_.momentum;
  const Tensor momentum = keep * momentum_[u.index]->read() + (1 - keep) * u.grad;
  momentum_[u.index]->assign(momentum);
  const Tensor direction = options_.nesterov ? (1 - keep) * u.grad + keep * momentum : momentum;
  const Shape& shape = u.value.shape();
  const int64_t rows = shape[0];
  const int64_t columns = shape.numel() / rows;
  Tensor change = orthogonalised(reshape(direction, {rows, columns}), options_.newton_schulz_steps);
  const double ratio = static_cast<double>(rows) / static_cast<double>(columns);
  change = reshape(change, shape) * std::sqrt(std::max(1.0, ratio));
  if (u.weight_decay != 0) change = change + u.weight_decay * u.value;
  return u.value - u.lr * change;
}

Tensor Muon::adamw(const Update& u) {
  const DType dtype = u.value.dtype();
  const Tensor m = options_.beta1 * momentum_[u.index]->read() + (1 - options_.beta1) * u.grad;
  const Tensor v = options_.beta2 * v_[u.index]->read() + (1 - options_.beta2) * (u.grad * u.grad);
  momentum_[u.index]->assign(m);
  v_[u.index]->assign(v);
  const Tensor lr = u.lr * (options_.adamw_lr / options_.lr);
  const Tensor root = sqrt(v) / cast(root_correction2_, dtype) + options_.eps;
  const Tensor w = u.weight_decay == 0 ? u.value : u.value * (1.0 - lr * u.weight_decay);
  return w - lr / cast(correction1_, dtype) * (m / root);
}

}  // namespace suan::optim
