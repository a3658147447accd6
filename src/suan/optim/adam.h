// Adam and its relatives.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/optim/optimizer.h"

namespace suan::optim {

struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;  // divides by the largest v so far. Reddi et al., ICLR 2018
};
struct AdamWOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false;
};

// m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
// w -= lr / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps), where first g += weight_decay w.
// As torch.optim.Adam; Kingma and Ba, ICLR 2015.
class Adam : public Optimizer {
 public:
  Adam(std::vector<StatePtr> parameters, AdamOptions options = {});
  Adam(std::vector<ParameterGroup> groups, AdamOptions options = {});

 protected:
  Adam(std::vector<ParameterGroup> groups, AdamOptions options, bool decoupled);

 private:
  void begin(const Tensor& lr, const Tensor& step) override;
  Tensor update(const Update& u) override;
  AdamOptions options_;
  bool decoupled_;  // the decay acts on the weight, not through the gradient
  Tensor correction1_, root_correction2_;
  std::vector<StatePtr> m_, v_, largest_v_;
};

// Adam with decoupled decay: w -= lr weight_decay w before the step, g stays as it is. As
// torch.optim.AdamW; Loshchilov and Hutter, ICLR 2019.
class AdamW : public Adam {
 public:
  AdamW(std::vector<StatePtr> parameters, AdamWOptions options = {});
  AdamW(std::vector<ParameterGroup> groups, AdamWOptions options = {});
};

struct LambOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-6;
  double weight_decay = 0.01;
};

// u = m^ / (sqrt(v^) + eps) + weight_decay w with Adam's bias-corrected m^ and v^;
// w -= lr |w| / |u| u (the ratio is 1 where a norm is 0). You et al., ICLR 2020.
class Lamb : public Optimizer {
 public:
  Lamb(std::vector<StatePtr> parameters, LambOptions options = {});
  Lamb(std::vector<ParameterGroup> groups, LambOptions options = {});

 private:
  void begin(const Tensor& lr, const Tensor& step) override;
  Tensor update(const Update& u) override;
  LambOptions options_;
  Tensor correction1_, root_correction2_;
  std::vector<StatePtr> m_, v_;
};

struct LionOptions {
  double lr = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double weight_decay = 0;
};

// w -= lr (sign(beta1 m + (1 - beta1) g) + weight_decay w);  m = beta2 m + (1 - beta2) g.
// Chen et al., NeurIPS 2023.
class Lion : public Optimizer {
 public:
  Lion(std::vector<StatePtr> parameters, LionOptions options = {});
  Lion(std::vector<ParameterGroup> groups, LionOptions options = {});

 private:
  Tensor update(const Update& u) override;
  LionOptions options_;
  std::vector<StatePtr> m_;
};

}  // namespace suan::optim
