// Two ops that are nothing at run time and steer what is kept in memory for gradients; made by
// autodiff/checkpoint. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// x itself, as a value that exists only after `after`: what is computed from it is not merged with
// the same computed from x, and comes later.
Tensor barrier(const Tensor& x, const Tensor& after);

struct CheckpointAttrs {
  int64_t results = 1;
  bool operator==(const CheckpointAttrs&) const = default;
  static constexpr auto fields() { return std::tuple{Field{"results", &CheckpointAttrs::results}}; }
};

// `results` themselves. Their gradient computes what lies between `sources` and them a second time,
// behind barriers, so that nothing of it is kept from the first.
std::vector<Tensor> make_checkpoint(const std::vector<Tensor>& results,
                                    const std::vector<Tensor>& sources);

}  // namespace suan
