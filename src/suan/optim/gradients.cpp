// Clipping, accumulation, averaging.
// SPDX-License-Identifier: Apache-2.0
#include "suan/optim/gradients.h"

#include <cmath>
#include <cstring>

#include "suan/base/error.h"
#include "suan/graph/trace.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/optim/optimizer.h"
#include "suan/tensor/compile.h"

namespace suan::optim {
namespace {

StatePtr counter(std::string name) {
  return State::create(std::move(name), Array::of<int64_t>(std::vector<int64_t>{0}, {}));
}

void settle(const std::vector<StatePtr>& states) {
  if (!Trace::current()) realise(states);
}

}  // namespace

Tensor global_norm(const std::vector<Tensor>& grads) {
  Tensor total = 0.0;
  for (const Tensor& g : grads) total = total + sum(square(cast(g, DType::f32)));
  return sqrt(total);
}

ClippedGradients clip_grad_norm(const std::vector<Tensor>& grads, double max_norm) {
  if (!(max_norm > 0)) fail("clip_grad_norm", "max_norm is {}, expected more than 0", max_norm);
  ClippedGradients out{{}, global_norm(grads)};
  const Tensor scale = minimum(max_norm / (out.norm + 1e-6), 1.0);
  for (const Tensor& g : grads) out.grads.push_back(g * cast(scale, g.dtype()));
  return out;
}

GradientAccumulator::GradientAccumulator(const std::vector<StatePtr>& parameters) {
  states_.push_back(counter("accumulator.count"));
  for (const StatePtr& p : parameters) {
    Array zero(p->type().dtype, p->type().shape);
    std::memset(zero.buffer->data(), 0, zero.bytes());
    states_.push_back(State::create("accumulator." + p->name(), zero));
  }
}

void GradientAccumulator::add(const std::vector<Tensor>& grads) {
  if (grads.size() + 1 != states_.size()) {
    fail("accumulator", "got {} gradients for {} parameters", grads.size(), states_.size() - 1);
  }
  states_[0]->assign(states_[0]->read() + 1.0);
  for (size_t i = 0; i < grads.size(); ++i) {
    const StatePtr& sum = states_[i + 1];
    sum->assign(sum->read() + cast(grads[i], sum->type().dtype));
  }
  settle(states_);
}

std::vector<Tensor> GradientAccumulator::take() {
  const Tensor count = states_[0]->read();
  std::vector<Tensor> means;
  for (size_t i = 1; i < states_.size(); ++i) {
    const Type& type = states_[i]->type();
    means.push_back(states_[i]->read() / cast(count, type.dtype));
    states_[i]->assign(zeros(type.shape, type.dtype));
  }
  states_[0]->assign(zeros({}, DType::i64));
  return means;
}

Ema::Ema(const std::vector<StatePtr>& parameters, EmaOptions options)
    : parameters_(parameters), options_(options) {
  check_setting("EMA", "decay", options.decay, 0, 1);
  states_.push_back(counter("ema.count"));
  for (const StatePtr& p : parameters) {
    states_.push_back(State::create("ema." + p->name(), p->array()));
  }
}

void Ema::update() {
  const Tensor count = states_[0]->read();
  states_[0]->assign(count + 1.0);
  Tensor decay = full(options_.decay, {});
  if (options_.warmup) {
    const Tensor t = cast(count, DType::f32);
    decay = minimum(decay, (1.0 + t) / (10.0 + t));
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const StatePtr& average = states_[i + 1];
    const Tensor keep = cast(decay, average->type().dtype);
    average->assign(keep * average->read() + (1.0 - keep) * parameters_[i]->read());
  }
  settle(states_);
}

void Ema::swap() {
  if (Trace::current()) fail("EMA", "weights are exchanged inside a traced function");
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const BufferPtr weight = parameters_[i]->buffer();
    parameters_[i]->replace(states_[i + 1]->buffer());
    states_[i + 1]->replace(weight);
  }
}

}  // namespace suan::optim
