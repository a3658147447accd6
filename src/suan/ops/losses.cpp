// Losses as graphs of simpler ops.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/losses.h"

#include "suan/base/error.h"
#include "suan/ops/arange.h"
#include "suan/ops/check_range.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"

namespace suan {
namespace {

void check_pair(const Tensor& x, const Tensor& target, std::string_view loss) {
  if (!is_float(x.dtype())) fail(loss, "got {}, expected a float", name(x.dtype()));
  if (!(x.shape() == target.shape())) {
    fail(loss, "got shapes {} and {}, expected the same", to_string(x.shape()),
         to_string(target.shape()));
  }
}

void check_weight(const Tensor& weight, const Shape& shape, std::string_view what,
                  std::string_view loss) {
  if (weight && !broadcasts_to(weight.shape(), shape)) {
    fail(loss, "{} {} does not broadcast to {}", what, to_string(weight.shape()), to_string(shape));
  }
}

// `total` is what the mean divides by; undefined: the number of elements.
Tensor reduced(const Tensor& l, Reduction reduction, const Tensor& total = {}) {
  switch (reduction) {
    case Reduction::none:
      return l;
    case Reduction::mean:
      return total ? sum(l) / total : mean(l);
    case Reduction::sum:
      return sum(l);
    case Reduction::batch_mean:
      break;
  }
  return sum(l) * (1.0 / static_cast<double>(l.rank() == 0 ? 1 : l.shape()[0]));
}

// e^2 / 2 up to `limit`, then a line of that slope.
Tensor half_square_then_line(const Tensor& e, double limit) {
  const Tensor bent = minimum(e, limit);
  return bent * (e - 0.5 * bent);
}

// log(x), -100 where it would be less, without a slope there.
Tensor bounded_log(const Tensor& x) {
  const Tensor positive = x > 0.0;
  return select(positive, maximum(log(select(positive, x, 1.0)), -100.0), -100.0);
}

void check_classes(const Tensor& x, const Tensor& labels, const Tensor& weight,
                   std::string_view loss) {
  Shape rows = x.shape();
  if (rows.rank() > 0) rows.erase(rows.rank() - 1);
  if (x.rank() < 1 || !(rows == labels.shape()) || x.shape().back() < 1) {
    fail(loss, "got {} and labels {}, expected [rows..., classes] and [rows...]",
         to_string(x.shape()), to_string(labels.shape()));
  }
  if (!is_float(x.dtype())) fail(loss, "got {}, expected a float", name(x.dtype()));
  if (labels.dtype() != DType::i64 && labels.dtype() != DType::i32) {
    fail(loss, "labels are {}, expected i64 or i32", name(labels.dtype()));
  }
  if (weight && !(weight.shape() == Shape{x.shape().back()})) {
    fail(loss, "weight is {}, expected [{}]", to_string(weight.shape()), x.shape().back());
  }
}

// What the class losses share, with rows as one axis.
struct ClassRows {
  ClassRows(const Tensor& x, const Tensor& labels, const ClassLossOptions& o,
            std::string_view loss) {
    const int64_t classes = x.shape().back(), rows = labels.shape().numel();
    const Tensor flat = cast(reshape(labels, {rows}), DType::i64);
    const Tensor counts = not_equal(flat, static_cast<double>(o.ignore_index));
    const Tensor label =
        check_range(select(counts, flat, 0.0),
                    {.high = classes - 1, .where = std::string(loss), .what = "label"});
    counted = cast(counts, x.dtype());
    weight = o.weight ? gather(cast(o.weight, x.dtype()), label) * counted : counted;
    // Positions in one long line: gathering single elements is then one copy each.
    const Tensor at = arange(0, static_cast<double>(classes), rows) + label;
    picked = gather(reshape(x, {rows * classes}), at);
  }
  Tensor picked, weight, counted;  // x[r, label]; the label's weight; 1 or, where ignored, 0
};

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  check_pair(x, target, "mse_loss");
  return reduced(square(x - target), reduction);
}

Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  check_pair(x, target, "l1_loss");
  return reduced(abs(x - target), reduction);
}

Tensor huber_loss(const Tensor& x, const Tensor& target, double delta, Reduction reduction) {
  check_pair(x, target, "huber_loss");
  if (!(delta > 0)) fail("huber_loss", "delta is {}, expected a positive number", delta);
  return reduced(half_square_then_line(abs(x - target), delta), reduction);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta, Reduction reduction) {
  check_pair(x, target, "smooth_l1_loss");
  if (!(beta >= 0)) fail("smooth_l1_loss", "beta is {}, expected 0 or more", beta);
  const Tensor e = abs(x - target);
  return reduced(beta == 0 ? e : half_square_then_line(e, beta) * (1.0 / beta), reduction);
}

Tensor binary_cross_entropy(const Tensor& p, const Tensor& target,
                            const BinaryLossOptions& options) {
  constexpr std::string_view kName = "binary_cross_entropy";
  check_pair(p, target, kName);
  check_weight(options.weight, p.shape(), "weight", kName);
  if (options.pos_weight) fail(kName, "pos_weight is for logits only");
  const Tensor t = cast(target, p.dtype());
  Tensor l = -(t * bounded_log(p) + (1.0 - t) * bounded_log(1.0 - p));
  if (options.weight) l = l * options.weight;
  return reduced(l, options.reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target,
                                        const BinaryLossOptions& options) {
  constexpr std::string_view kName = "binary_cross_entropy_with_logits";
  check_pair(x, target, kName);
  check_weight(options.weight, x.shape(), "weight", kName);
  check_weight(options.pos_weight, x.shape(), "pos_weight", kName);
  const Tensor t = cast(target, x.dtype());
  Tensor from_zero = softplus(-x);
  if (options.pos_weight) from_zero = (1.0 + (options.pos_weight - 1.0) * t) * from_zero;
  Tensor l = (1.0 - t) * x + from_zero;
  if (options.weight) l = l * options.weight;
  return reduced(l, options.reduction);
}

Tensor kl_div(const Tensor& x, const Tensor& target, KlOptions options) {
  check_pair(x, target, "kl_div");
  if (options.log_target) return reduced(exp(target) * (target - x), options.reduction);
  const Tensor t = cast(target, x.dtype());
  const Tensor positive = t > 0.0;
  const Tensor own = select(positive, t * log(select(positive, t, 1.0)), 0.0);
  return reduced(own - t * x, options.reduction);
}

Tensor nll_loss(const Tensor& x, const Tensor& labels, const ClassLossOptions& options) {
  check_classes(x, labels, options.weight, "nll_loss");
  if (options.label_smoothing != 0) fail("nll_loss", "takes no label_smoothing");
  const ClassRows rows(x, labels, options, "nll_loss");
  const Tensor l = reshape(-(rows.picked * rows.weight), labels.shape());
  return reduced(l, options.reduction, sum(rows.weight));
}

Tensor cross_entropy_loss(const Tensor& logits, const Tensor& labels,
                          const ClassLossOptions& options) {
  constexpr std::string_view kName = "cross_entropy_loss";
  check_classes(logits, labels, options.weight, kName);
  const double s = options.label_smoothing;
  if (!(s >= 0 && s < 1)) fail(kName, "label_smoothing is {}, expected [0, 1)", s);
  if (!options.weight && options.reduction == Reduction::mean) {
    return cross_entropy(logits, labels, {s, options.ignore_index});
  }
  const Tensor log_p = log_softmax(logits);
  const ClassRows rows(log_p, labels, options, kName);
  Tensor l = rows.picked * rows.weight;
  if (s > 0) {
    const Tensor all = options.weight ? log_p * cast(options.weight, log_p.dtype()) : log_p;
    const Tensor spread = reshape(sum(all, {-1}), rows.counted.shape()) * rows.counted;
    l = (1.0 - s) * l + (s / static_cast<double>(logits.shape().back())) * spread;
  }
  return reduced(reshape(-l, labels.shape()), options.reduction, sum(rows.weight));
}

}  // namespace suan
