// The loss scale as graph nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/loss_scale.h"

#include <cmath>

#include "suan/base/error.h"
#include "suan/graph/trace.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/widen.h"
#include "suan/tensor/compile.h"

namespace suan::optim {

Tensor all_finite(const std::vector<Tensor>& tensors) {
  Tensor faults = zeros({});
  for (const Tensor& t : tensors) faults = faults + sum(select(is_finite(widen(t)), 0.0, 1.0));
  return equal(faults, 0.0);
}

std::vector<StatePtr> updated_by(const Optimizer& optimizer) {
  std::vector<StatePtr> states = optimizer.parameters();
  states.insert(states.end(), optimizer.states().begin(), optimizer.states().end());
  return states;
}

LossScaler::LossScaler(LossScaleOptions options) : options_(options) {
  const char* what = "loss_scale";
  check_setting(what, "initial", options.initial, 0x1p-100, 0x1p100);
  check_setting(what, "growth", options.growth, 1, 0x1p20);
  check_setting(what, "backoff", options.backoff, 0x1p-20, 1);
  if (options.interval < 1) fail(what, "interval is {}, expected 1 or more", options.interval);
  const std::vector<float> scale{static_cast<float>(options.initial)};
  states_ = {
      State::create("loss_scale.scale", Array::of<float>(scale, {})),
      State::create("loss_scale.good_steps", Array::of<int64_t>(std::vector<int64_t>{0}, {}))};
}

double LossScaler::scale() const { return *states_[0]->array().as<float>(); }

Tensor LossScaler::scaled(const Tensor& loss) {
  return widen(loss) * cast(states_[0]->read(), wide(loss.dtype()));
}

std::vector<Tensor> LossScaler::unscaled(const std::vector<Tensor>& grads) {
  const Tensor inverse = 1.0 / states_[0]->read();
  std::vector<Tensor> out;
  for (const Tensor& g : grads) out.push_back(widen(g) * cast(inverse, wide(g.dtype())));
  return out;
}

void LossScaler::update(const std::vector<Tensor>& grads, const std::vector<StatePtr>& states,
                        const std::function<void()>& step) {
  const Tensor finite = all_finite(grads);
  std::vector<Tensor> before;
  for (const StatePtr& s : states) before.push_back(s->read());
  step();
  for (size_t i = 0; i < states.size(); ++i) {
    const Tensor after = states[i]->read();
    if (!after.same_as(before[i])) states[i]->assign(select(finite, after, before[i]));
  }
  adapt(finite);
  if (Trace::current()) return;
  std::vector<StatePtr> all = states_;
  all.insert(all.end(), states.begin(), states.end());
  realise(all);
}

void LossScaler::adapt(const Tensor& finite) {
  const Tensor scale = states_[0]->read();
  const Tensor good = states_[1]->read() + 1.0;
  const Tensor grown = scale * options_.growth;
  const Tensor grows = good >= static_cast<double>(options_.interval);
  const Tensor next = select(logical_and(grows, is_finite(grown)), grown, scale);
  states_[0]->assign(select(finite, next, scale * options_.backoff));
  const Tensor none = zeros({}, DType::i64);
  states_[1]->assign(select(logical_and(finite, logical_not(grows)), good, none));
}

}  // namespace suan::optim
