// What is done to gradients and weights beside the step: clipping, accumulation, averaging.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/graph/state.h"

namespace suan::optim {

struct ClippedGradients {
  std::vector<Tensor> grads;
  Tensor norm;  // f32 scalar: the norm before clipping
};

// The norm of all gradients as one vector, sqrt(sum g^2), in f32.
Tensor global_norm(const std::vector<Tensor>& grads);
// g min(1, max_norm / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_. Throws Error unless
// max_norm is above 0.
ClippedGradients clip_grad_norm(const std::vector<Tensor>& grads, double max_norm);

// Sums gradients over several calls, for batches that do not fit at once: add() in every call, and
// in the last one step with take().
class GradientAccumulator {
 public:
  explicit GradientAccumulator(const std::vector<StatePtr>& parameters);
  void add(const std::vector<Tensor>& grads);
  // The mean of what was added since the last take(); starts anew.
  std::vector<Tensor> take();
  const std::vector<StatePtr>& states() const { return states_; }  // the count, then the sums

 private:
  std::vector<StatePtr> states_;
};

struct EmaOptions {
  double decay = 0.999;
  // Uses min(decay, (1 + t) / (10 + t)) in update t, so that early averages follow the weights.
  bool warmup = false;
};

// An exponential moving average of weights: a = decay a + (1 - decay) w, from a = w at the start.
class Ema {
 public:
  explicit Ema(const std::vector<StatePtr>& parameters, EmaOptions options = {});
  void update();  // after the optimizer's step
  // Exchanges weights and averages, to evaluate with the averages; call it again to go back.
  void swap();
  const std::vector<StatePtr>& states() const { return states_; }  // the count, then the averages

 private:
  std::vector<StatePtr> parameters_;
  std::vector<StatePtr> states_;
  EmaOptions options_;
};

}  // namespace suan::optim
