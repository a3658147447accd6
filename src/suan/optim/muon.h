// Muon: momentum whose matrices are made nearly orthogonal before the step.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/optim/optimizer.h"

namespace suan::optim {

struct MuonOptions {
  double lr = 0.02;
  double momentum = 0.95;
  bool nesterov = true;
  double weight_decay = 0;
  int newton_schulz_steps = 5;
  // AdamW's, for everything that is not a matrix; its rate follows lr, so schedules fit both.
  double adamw_lr = 3e-4;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
};

// For weights with 2 axes, and with 4 as [out, in h w]: b = momentum b + (1 - momentum) g;
// u = orthogonal(nesterov ? (1 - momentum) g + momentum b : b);
// w -= lr (sqrt(max(1, rows / columns)) u + weight_decay w). Others, and groups with matrix =
// false, take AdamW. Jordan et al., "Muon: an optimizer for hidden layers in neural networks",
// 2024.
class Muon : public Optimizer {
 public:
  Muon(std::vector<StatePtr> parameters, MuonOptions options = {});
  Muon(std::vector<ParameterGroup> groups, MuonOptions options = {});

 private:
  void begin(const Tensor& lr, const Tensor& step) override;
  Tensor update(const Update& u) override;
  Tensor muon(const Update& u);
  Tensor adamw(const Update& u);
  MuonOptions options_;
  Tensor correction1_, root_correction2_;
  std::vector<StatePtr> momentum_;  // AdamW's m where the parameter is not a matrix
  std::vector<StatePtr> v_;         // null where it is
};

// The matrix x with its singular values brought near 1 (0.7 to 1.2): x / |x|, then `steps` times
// x = a x + (b A + c A^2) x with A = x x^T, a = 3.4445, b = -4.7750, c = 2.0315.
Tensor orthogonalised(const Tensor& x, int steps = 5);

}  // namespace suan::optim
