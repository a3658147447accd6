// Stochastic gradient descent.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/optim/optimizer.h"

namespace suan::optim {

struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;  // needs momentum and no dampening
};

// g += weight_decay w;  b = momentum b + (1 - dampening) g (the first b is g);
// w -= lr (nesterov ? g + momentum b : b). As torch.optim.SGD; Sutskever et al., ICML 2013.
class Sgd : public Optimizer {
 public:
  Sgd(std::vector<StatePtr> parameters, SgdOptions options = {});
  Sgd(std::vector<ParameterGroup> groups, SgdOptions options = {});

 private:
  void begin(const Tensor& lr, const Tensor& step) override;
  Tensor update(const Update& u) override;
  SgdOptions options_;
  Tensor share_;  // of the gradient in the momentum
  std::vector<StatePtr> momentum_;
};

}  // namespace suan::optim
