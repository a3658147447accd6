// Dynamic loss scaling: gradients that f16 could not hold are computed as those of a larger loss.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <vector>

#include "suan/graph/state.h"
#include "suan/optim/optimizer.h"

namespace suan::optim {

struct LossScaleOptions {
  double initial = 65536;
  double growth = 2;  // after `interval` good steps in a row
  double backoff = 0.5;
  int64_t interval = 2000;
};

// The scale is a state, and a step with gradients that are not finite is undone by a choice between
// values: the graph has no branch. As torch.amp.GradScaler; Micikevicius et al., "Mixed precision
// training", 2018.
//
//   const Tensor loss = cross_entropy(widen(net(x)), y);  // in f32: it is scaled by up to 65536
//   const auto grads = scaler.unscaled(grad(scaler.scaled(loss), parameters));
//   scaler.update(grads, updated_by(optimizer), [&] { optimizer.step(grads); });
class LossScaler {
 public:
  // Throws Error unless initial > 0, growth >= 1, 0 < backoff < 1 and interval >= 1.
  explicit LossScaler(LossScaleOptions options = {});

  Tensor scaled(const Tensor& loss);
  // Gradients of the loss itself, in f32 (f64 stays), from those of the scaled one.
  std::vector<Tensor> unscaled(const std::vector<Tensor>& grads);
  // Calls `step`, which may assign `states`. Where one of `grads` is not finite, they keep the
  // values they had and the scale falls; after `interval` calls without that it grows. A scale
  // never grows to infinity.
  void update(const std::vector<Tensor>& grads, const std::vector<StatePtr>& states,
              const std::function<void()>& step);

  double scale() const;  // now
  // The scale (f32), then the number of good steps since it changed (i64).
  const std::vector<StatePtr>& states() const { return states_; }

 private:
  void adapt(const Tensor& finite);
  LossScaleOptions options_;
  std::vector<StatePtr> states_;
};

// Whether all elements of all of these are finite, a bool scalar.
Tensor all_finite(const std::vector<Tensor>& tensors);
// The parameters of an optimizer and its states.
std::vector<StatePtr> updated_by(const Optimizer& optimizer);

}  // namespace suan::optim
