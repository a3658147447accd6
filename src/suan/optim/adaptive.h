// Optimizers that divide by a history of squared gradients, without Adam's first moment.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/optim/optimizer.h"

namespace suan::optim {

struct RmsPropOptions {
  double lr = 1e-2;
  double alpha = 0.99;  // decay of the mean square
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool centered = false;  // subtract the square of the mean gradient
};

// g += weight_decay w;  v = alpha v + (1 - alpha) g^2;  a = alpha a + (1 - alpha) g when centered;
// u = g / (sqrt(v - a^2) + eps);  b = momentum b + u;  w -= lr b. As torch.optim.RMSprop; Tieleman
// and Hinton 2012, Graves 2013.
class RmsProp : public Optimizer {
 public:
  RmsProp(std::vector<StatePtr> parameters, RmsPropOptions options = {});
  RmsProp(std::vector<ParameterGroup> groups, RmsPropOptions options = {});

 private:
  Tensor update(const Update& u) override;
  RmsPropOptions options_;
  std::vector<StatePtr> v_, mean_, momentum_;
};

struct AdagradOptions {
  double lr = 1e-2;
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator = 0;
  double eps = 1e-10;
};

// g += weight_decay w;  s += g^2;  w -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).
// As torch.optim.Adagrad; Duchi et al., JMLR 2011.
class Adagrad : public Optimizer {
 public:
  Adagrad(std::vector<StatePtr> parameters, AdagradOptions options = {});
  Adagrad(std::vector<ParameterGroup> groups, AdagradOptions options = {});

 private:
  void begin(const Tensor& lr, const Tensor& step) override;
  Tensor update(const Update& u) override;
  AdagradOptions options_;
  Tensor slowdown_;
  std::vector<StatePtr> sum_;
};

}  // namespace suan::optim
