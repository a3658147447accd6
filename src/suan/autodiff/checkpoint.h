// Checkpointing: a part of a graph whose inner values are computed again for the gradient, which
// saves their memory. Chen et al., "Training deep nets with sublinear memory cost", 2016.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <type_traits>
#include <vector>

#include "suan/graph/tensor.h"

namespace suan {

// f(inputs), whose gradient keeps of f only its inputs (and what else f reads) and computes f a
// second time. Random numbers repeat and states that f assigns are assigned once, so gradients are
// the same: to the last bit, but for the order in which those of a value's uses inside and outside
// of f add up. They can be differentiated again, and f may hold checkpoints itself.
std::vector<Tensor> checkpointed(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& f,
    const std::vector<Tensor>& inputs);

namespace detail {
inline std::vector<Tensor> as_list(Tensor t) { return {std::move(t)}; }
inline std::vector<Tensor> as_list(std::vector<Tensor> ts) { return ts; }
template <class R>
R from_list(std::vector<Tensor> ts) {
  if constexpr (std::is_same_v<R, Tensor>) {
    return std::move(ts[0]);
  } else {
    return ts;
  }
}
}  // namespace detail

// The same as a function: checkpoint(block)(x). f takes Tensors and returns one, or a vector.
template <class F>
auto checkpoint(F f) {
  return [f = std::move(f)](const auto&... x) {
    using R = std::remove_cvref_t<std::invoke_result_t<const F&, decltype(x)...>>;
    const auto call = [&](const std::vector<Tensor>&) { return detail::as_list(f(x...)); };
    return detail::from_list<R>(checkpointed(call, {x...}));
  };
}

}  // namespace suan
