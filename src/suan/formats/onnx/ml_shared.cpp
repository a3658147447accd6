// Parts of the operators of ai.onnx.ml.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/ml.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"

namespace suan::onnx {
namespace {

// Softmax that leaves scores of 0 out of the exponentials.
Tensor softmax_zero(const Tensor& x) {
  const Tensor top = max(x, {-1}, true);
  const Tensor y = select(greater(abs(x), 1e-7), exp(x - top), x * exp(-top));
  const Tensor total = sum(y, {-1}, true);
  return select(equal(total, 0.0), 0.5, y / total);
}

// The quantile of the normal distribution, sqrt(2) erfinv(2 x - 1), by Winitzki's approximation,
// which other engines use too.
Tensor probit(const Tensor& p) {
  constexpr double kA = 0.147;
  const Tensor x = 2.0 * p - 1.0;
  const Tensor rest = (1.0 - x) * (1.0 + x), l = log(rest);
  const Tensor v = 2.0 / (std::numbers::pi * kA) + 0.5 * l;
  const Tensor y = sqrt(sqrt(v * v - l * (1.0 / kA)) - v);
  return select(equal(rest, 0.0), 0.0, std::numbers::sqrt2 * sign(x) * y);
}

}  // namespace

Tensor transform_scores(const NodeView& n, const Tensor& scores, std::string_view name) {
  if (name == "NONE") return scores;
  if (name == "SOFTMAX") return softmax(scores, -1);
  if (name == "LOGISTIC") return sigmoid(scores);
  if (name == "SOFTMAX_ZERO") return softmax_zero(scores);
  if (name == "PROBIT") return probit(scores);
  n.fail("post_transform '{}' is unknown", name);
}

Tensor class_labels(const NodeView& n, std::string_view ints, std::string_view strings) {
  const std::vector<int64_t> numbers = n.ints(ints);
  const std::vector<std::string> texts = n.strings(strings);
  if (!numbers.empty() && !texts.empty()) n.fail("expected either {} or {}", ints, strings);
  if (!numbers.empty()) return NodeView::constant(Array::list(numbers));
  return texts.empty() ? Tensor() : NodeView::constant(list_of_texts(texts));
}

Tensor as_rows(const NodeView& n, const Tensor& x) {
  if (x.rank() < 1 || x.rank() > 2 || !is_arithmetic(x.dtype())) {
    n.fail("got {}, expected numbers [n, features] or [features]", suan::to_string(x.type()));
  }
  const Tensor rows = x.rank() == 2 ? x : reshape(x, {1, x.shape()[0]});
  return x.dtype() == DType::f64 ? rows : cast(rows, DType::f32);
}

Array list_of_texts(const std::vector<std::string>& texts) {
  std::vector<StringId> ids;
  for (const std::string& t : texts) ids.push_back(intern(t));
  return Array::list(ids);
}

Tensor numbers(const std::vector<double>& values, DType dtype) {
  return cast(NodeView::constant(Array::list(values)), dtype);
}

}  // namespace suan::onnx
