// Cross-entropy between logits and integer labels.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct CrossEntropyAttrs {
  double label_smoothing = 0;   // share of the target spread evenly over all classes, in [0, 1)
  int64_t ignore_index = -100;  // rows with this label count neither in the sum nor in the mean
  bool operator==(const CrossEntropyAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"label_smoothing", &CrossEntropyAttrs::label_smoothing},
                      Field{"ignore_index", &CrossEntropyAttrs::ignore_index}};
  }
};

// Mean over rows of -sum_k t[k] log softmax(logits)[k], where t puts 1 - s + s / classes on the
// label and s / classes elsewhere (s: label_smoothing). logits [rows..., classes], labels [rows...]
// of i64 or i32; gives an f32 (f64 for f64 logits) scalar, NaN when every row is ignored. A label
// outside [0, classes) makes the run throw Error(kOutOfRange).
Tensor cross_entropy(const Tensor& logits, const Tensor& labels, CrossEntropyAttrs attrs = {});

}  // namespace suan
