// A classifier of token sequences.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/lstm_classifier.h"

#include <array>
#include <limits>

#include "suan/ops/arange.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::models {
namespace {

// Whether a step is before its row's end: bool [n, time, 1].
Tensor step_mask(const Tensor& lengths, int64_t rows, int64_t steps) {
  return reshape(arange(steps), {1, steps, 1}) < reshape(lengths, {rows, 1, 1});
}

}  // namespace

std::span<const std::string_view> enum_names(SequencePool /*pool*/) {
  static constexpr std::array<std::string_view, 3> kNames{"mean", "max", "last"};
  return kNames;
}

LstmClassifier::LstmClassifier(LstmClassifierOptions o)
    : embedding(o.vocabulary, o.width, {.padding_index = 0}),
      dropout(o.dropout),
      lstm(o.width, o.hidden,
           {.layers = o.layers, .bidirectional = o.bidirectional, .dropout = o.dropout}),
      head(o.hidden * (o.bidirectional ? 2 : 1), o.classes),
      options_(o) {}

Tensor LstmClassifier::operator()(const Tensor& tokens, const Tensor& lengths) const {
  const nn::RecurrentResult result = lstm(dropout(embedding(tokens)), lengths);
  const int64_t rows = tokens.size(0);
  Tensor pooled;
  switch (options_.pool) {
    case SequencePool::mean:
      pooled = sum(result.output, {1}) / reshape(cast(lengths, DType::f32), {rows, 1});
      break;
    case SequencePool::max: {
      constexpr double kLowest = std::numeric_limits<float>::lowest();
      pooled = max(select(step_mask(lengths, rows, tokens.size(1)), result.output, kLowest), {1});
      break;
    }
    case SequencePool::last: {
      const int64_t last = result.h.shape()[0];
      pooled = take(result.h, 0, last - 1);
      if (options_.bidirectional) pooled = concat({take(result.h, 0, last - 2), pooled}, 1);
      break;
    }
  }
  return head(dropout(pooled));
}

}  // namespace suan::models
