// Decision trees of ai.onnx.ml, on known values.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/ml.h"
#include "suan/formats/onnx/internal/trees.h"
#include "suan/ops/argmax.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

// The scores of all rows of the input, in f64, base values added.
Tensor scores_of(const NodeView& n, const Ensemble& e, Aggregate aggregate) {
  const Tensor& x = n.in(0);
  if (x.rank() < 1 || x.rank() > 2) n.fail("got {}, expected [n, features]", to_string(x.shape()));
  const int64_t rows = x.rank() == 2 ? x.shape()[0] : 1;
  e.check(n, x.shape().back());
  if (e.targets < 1 ||
      e.targets > static_cast<int64_t>(n.limits().value_bytes / 8) / std::max<int64_t>(1, rows)) {
    n.fail("got {} targets for {} rows", e.targets, rows);
  }
  const std::vector<double> values = n.known_numbers(0), base = numbers_attribute(n, "base_values");
  Tensor y = NodeView::constant(e.scores(values, rows, aggregate));
  if (base.empty()) return y;
  if (base.size() != 1 && static_cast<int64_t>(base.size()) != e.targets) {
    n.fail("got {} base_values, expected {}", base.size(), e.targets);
  }
  return y + numbers(base, DType::f64);
}

Outputs regressor(const NodeView& n) {
  constexpr std::string_view kNames[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  const std::string aggregate = n.s("aggregate_function", "SUM");
  const auto found = std::find(std::begin(kNames), std::end(kNames), aggregate);
  if (found == std::end(kNames)) n.fail("aggregate_function '{}' is unknown", aggregate);
  const Ensemble e = read_node_lists(n, "target", n.i("n_targets"));
  const Tensor y = scores_of(n, e, static_cast<Aggregate>(found - std::begin(kNames)));
  return {cast(transform_scores(n, y, n.s("post_transform", "NONE")), DType::f32)};
}

Outputs ensemble(const NodeView& n) {
  constexpr std::string_view kTransforms[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO",
                                              "PROBIT"};
  const int64_t aggregate = n.i("aggregate_function", 1), transform = n.i("post_transform", 0);
  if (aggregate < 0 || aggregate > 3) n.fail("aggregate_function {} is unknown", aggregate);
  if (transform < 0 || transform > 4) n.fail("post_transform {} is unknown", transform);
  const Tensor y = scores_of(n, read_branch_lists(n), static_cast<Aggregate>(aggregate));
  return {cast(transform_scores(n, y, kTransforms[transform]), n.in(0).dtype())};
}

// Two scores where all leaves vote for one class: its own, and what is left for the other.
Tensor both_scores(const Tensor& scores, int64_t voted, const std::string& transform) {
  const Tensor s = narrow(scores, 1, voted, voted + 1);
  const bool is_share = transform == "NONE" || transform == "PROBIT";
  return concat({is_share ? 1.0 - s : -s, s}, 1);
}

Outputs classifier(const NodeView& n) {
  const Tensor labels = class_labels(n, "classlabels_int64s", "classlabels_strings");
  if (!labels) n.fail("has no class labels");
  const int64_t classes = labels.shape()[0];
  const std::string transform = n.s("post_transform", "NONE");
  const std::vector<int64_t> voted = n.ints("class_ids");
  Tensor scores = scores_of(n, read_node_lists(n, "class", classes), Aggregate::sum);
  const bool one_voted = !voted.empty() && std::all_of(voted.begin(), voted.end(),
                                                       [&](int64_t id) { return id == voted[0]; });
  if (classes <= 2 && one_voted) {
    if (voted[0] < 0 || voted[0] >= classes) n.fail("a leaf votes for {} of {}", voted[0], classes);
    scores = both_scores(scores, voted[0], transform);
  }
  scores = transform_scores(n, scores, transform);
  const Tensor best = argmax(scores, 1), z = cast(scores, DType::f32);
  if (scores.shape()[1] == classes) return {gather(labels, best), z};
  // One label: it, or none.
  const Tensor none =
      labels.dtype() == DType::string
          ? Tensor::from(Array::of(std::span<const StringId>(std::vector{StringId()}), {1}))
          : zeros({1}, DType::i64);
  return {gather(concat({none, labels}), best), z};
}

constexpr OperatorRule kRules[] = {
    {"ai.onnx.ml.TreeEnsemble", ensemble},
    {"ai.onnx.ml.TreeEnsembleClassifier", classifier},
    {"ai.onnx.ml.TreeEnsembleRegressor", regressor},
};

}  // namespace

std::span<const OperatorRule> ml_tree_rules() { return kRules; }

}  // namespace suan::onnx
