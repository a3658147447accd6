// Linear models and support vector machines of ai.onnx.ml.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/ml.h"
#include "suan/ops/argmax.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

// x w^T + b for coefficients [targets, features] and one intercept for each target.
Tensor linear_scores(const NodeView& n, const Tensor& x, int64_t targets) {
  const std::vector<double> w = n.floats("coefficients"), b = n.floats("intercepts");
  const int64_t features = x.shape()[1];
  if (targets < 1 || features < 1 || static_cast<int64_t>(w.size()) / features != targets ||
      static_cast<int64_t>(w.size()) % features) {
    n.fail("got {} coefficients for {} targets of {} features", w.size(), targets, features);
  }
  Tensor y = matmul(x, reshape(numbers(w, x.dtype()), {targets, features}), false, true);
  if (b.empty()) return y;
  if (static_cast<int64_t>(b.size()) != targets) {
    n.fail("got {} intercepts, expected {}", b.size(), targets);
  }
  return y + numbers(b, x.dtype());
}

Outputs linear_regressor(const NodeView& n) {
  const Tensor y = linear_scores(n, as_rows(n, n.in(0)), n.i("targets", 1));
  return {cast(transform_scores(n, y, n.s("post_transform", "NONE")), DType::f32)};
}

// With one score: whether it reaches the threshold.
Tensor single_label(const Tensor& scores, const Tensor& labels, double threshold) {
  const Tensor reached = reshape(greater_equal(scores, threshold), {scores.shape()[0]});
  if (!labels) return cast(reached, DType::i64);
  const Tensor label = narrow(labels, 0, 0, 1);
  if (labels.dtype() != DType::string) return select(reached, label, 0.0);
  const Tensor none =
      Tensor::from(Array::of(std::span<const StringId>(std::vector{StringId()}), {}));
  return select(reached, label, none);
}

Outputs linear_classifier(const NodeView& n) {
  const Tensor x = as_rows(n, n.in(0));
  const int64_t features = std::max<int64_t>(1, x.shape()[1]);
  const auto rows = static_cast<int64_t>(n.floats("coefficients").size()) / features;
  const Tensor labels = class_labels(n, "classlabels_ints", "classlabels_strings");
  const std::string transform = n.s("post_transform", "NONE");
  Tensor scores = linear_scores(n, x, rows);
  const int64_t classes = labels ? labels.shape()[0] : rows;
  if (rows == 1 && classes == 2) scores = concat({-scores, scores}, 1);
  scores = transform_scores(n, scores, transform);
  if (classes != scores.shape()[1])
    n.fail("got {} labels for {} scores", classes, scores.shape()[1]);
  const Tensor z = cast(scores, DType::f32);
  if (classes == 1) return {single_label(scores, labels, transform == "NONE" ? 0 : 0.5), z};
  const Tensor best = argmax(scores, 1);
  return {labels ? gather(labels, best) : best, z};
}

Tensor power(const Tensor& x, double degree) {
  if (degree != std::floor(degree) || degree < 1 || degree > 16) return pow(x, degree);
  Tensor y = x;
  for (int i = 1; i < static_cast<int>(degree); ++i) y = y * x;
  return y;
}

// A support vector machine, in f64: differences of large products stay exact enough.
struct Machine {
  std::string kernel;
  double gamma = 0, coef0 = 0, degree = 0;

  // The kernel of each row of x [n, f] with each of the vectors [v, f].
  Tensor operator()(const Tensor& x, const Tensor& vectors) const {
    Tensor products = matmul(x, vectors, false, true);
    if (kernel == "POLY") return power(products * gamma + coef0, degree);
    if (kernel == "SIGMOID") return tanh(products * gamma + coef0);
    if (kernel == "LINEAR") return products;
    const Tensor lengths = reshape(sum(square(vectors), {1}), {1, vectors.shape()[0]});
    const Tensor distances = sum(square(x), {1}, true) + lengths - 2.0 * products;
    return exp(-gamma * maximum(distances, 0.0));
  }
};

Machine read_machine(const NodeView& n, bool has_vectors) {
  Machine m;
  m.kernel = has_vectors ? n.s("kernel_type", "LINEAR") : "LINEAR";
  if (m.kernel != "LINEAR" && m.kernel != "POLY" && m.kernel != "RBF" && m.kernel != "SIGMOID") {
    n.fail("kernel_type '{}' is unknown, expected LINEAR, POLY, RBF or SIGMOID", m.kernel);
  }
  const std::vector<double> params = n.floats("kernel_params");
  if (!params.empty() && params.size() != 3) {
    n.fail("got {} kernel_params, expected gamma, coef0 and degree", params.size());
  }
  if (!params.empty()) m.gamma = params[0], m.coef0 = params[1], m.degree = std::trunc(params[2]);
  return m;
}

// A list of numbers as a matrix of f64 with this many rows.
Tensor matrix_attribute(const NodeView& n, std::string_view name, int64_t rows, int64_t columns) {
  const std::vector<double> values = n.floats(name);
  if (rows < 1 || columns < 1 || static_cast<int64_t>(values.size()) / columns != rows ||
      static_cast<int64_t>(values.size()) % columns) {
    n.fail("got {} {}, expected {} x {}", values.size(), name, rows, columns);
  }
  return reshape(numbers(values, DType::f64), {rows, columns});
}

Outputs svm_regressor(const NodeView& n) {
  const Tensor x = cast(as_rows(n, n.in(0)), DType::f64);
  const int64_t supports = n.i("n_supports", 0), features = x.shape()[1];
  const Machine machine = read_machine(n, supports > 0);
  const std::vector<double> rho = n.floats("rho");
  if (rho.empty()) n.fail("has no rho");
  Tensor y;
  if (supports > 0) {
    const Tensor kernels = machine(x, matrix_attribute(n, "support_vectors", supports, features));
    y = matmul(kernels, matrix_attribute(n, "coefficients", 1, supports), false, true);
  } else {
    y = machine(x, matrix_attribute(n, "coefficients", 1, features));
  }
  y = y + rho[0];
  if (n.i("one_class", 0)) y = select(greater(y, 0.0), 1.0, full(-1, {}, DType::f64));
  return {cast(transform_scores(n, y, n.s("post_transform", "NONE")), DType::f32)};
}

// The classes of a machine with support vectors, and what each pair of them, i < j, decides by.
struct Pairs {
  int64_t classes = 0, vectors = 0;
  std::vector<int64_t> first, count;  // of each class's support vectors
  Tensor weights;                     // [vectors, pairs]
  Tensor for_first, for_second;       // [pairs, classes]: whom a pair's vote goes to
};

Pairs read_pairs(const NodeView& n, int64_t classes) {
  Pairs p{.classes = classes};
  p.count = n.ints("vectors_per_class");
  const std::vector<double> coefficients = n.floats("coefficients");
  for (int64_t count : p.count) {
    if (count < 0 || count > INT32_MAX) n.fail("vectors_per_class has {}", count);
    p.first.push_back(p.vectors);
    p.vectors += count;
  }
  if (static_cast<int64_t>(p.count.size()) != classes || classes < 2 || p.vectors < 1 ||
      static_cast<int64_t>(coefficients.size()) / p.vectors != classes - 1 ||
      static_cast<int64_t>(coefficients.size()) % p.vectors) {
    n.fail("got {} classes, vectors_per_class of {} and {} coefficients for {} vectors", classes,
           p.count.size(), coefficients.size(), p.vectors);
  }
  const int64_t pairs = classes * (classes - 1) / 2;
  if (pairs > static_cast<int64_t>(n.limits().value_bytes / 8) / std::max(p.vectors, classes)) {
    n.fail("{} classes of {} vectors are too many", classes, p.vectors);
  }
  std::vector<double> w(static_cast<size_t>(p.vectors * pairs)),
      a(static_cast<size_t>(pairs * classes)), b = a;
  int64_t pair = 0;
  for (int64_t i = 0; i < classes; ++i) {
    for (int64_t j = i + 1; j < classes; ++j, ++pair) {
      const auto set = [&](int64_t of, int64_t row) {
        const auto c = static_cast<size_t>(of);
        for (int64_t v = p.first[c]; v < p.first[c] + p.count[c]; ++v) {
          w[static_cast<size_t>(v * pairs + pair)] =
              coefficients[static_cast<size_t>(row * p.vectors + v)];
        }
      };
      set(i, j - 1);
      set(j, i);
      a[static_cast<size_t>(pair * classes + i)] = 1;
      b[static_cast<size_t>(pair * classes + j)] = 1;
    }
  }
  p.weights = reshape(numbers(w, DType::f64), {p.vectors, pairs});
  p.for_first = reshape(numbers(a, DType::f64), {pairs, classes});
  p.for_second = reshape(numbers(b, DType::f64), {pairs, classes});
  return p;
}

// Probabilities of k classes from those of each pair, r[i, j] = P(i | i or j). Wu, Lin and Weng,
// "Probability estimates for multi-class classification by pairwise coupling", JMLR 2004.
void couple(int64_t k, const std::vector<double>& r, double* p) {
  const auto at = [k](int64_t i, int64_t j) { return static_cast<size_t>(i * k + j); };
  std::vector<double> q(static_cast<size_t>(k * k)), qp(static_cast<size_t>(k));
  for (int64_t t = 0; t < k; ++t) {
    p[t] = 1.0 / static_cast<double>(k);
    for (int64_t j = 0; j < k; ++j) {
      if (j == t) continue;
      q[at(t, t)] += r[at(j, t)] * r[at(j, t)];
      q[at(t, j)] = -r[at(j, t)] * r[at(t, j)];
    }
  }
  for (int64_t iteration = 0; iteration < std::max<int64_t>(100, k); ++iteration) {
    double pqp = 0, worst = 0;
    for (int64_t t = 0; t < k; ++t) {
      qp[static_cast<size_t>(t)] = 0;
      for (int64_t j = 0; j < k; ++j) qp[static_cast<size_t>(t)] += q[at(t, j)] * p[j];
      pqp += p[t] * qp[static_cast<size_t>(t)];
    }
    for (double v : qp) worst = std::max(worst, std::abs(v - pqp));
    if (worst < 0.005 / static_cast<double>(k)) return;
    for (int64_t t = 0; t < k; ++t) {
      const double step = (pqp - qp[static_cast<size_t>(t)]) / q[at(t, t)];
      p[t] += step;
      pqp = (pqp + step * (step * q[at(t, t)] + 2 * qp[static_cast<size_t>(t)])) /
            ((1 + step) * (1 + step));
      for (int64_t j = 0; j < k; ++j) {
        qp[static_cast<size_t>(j)] = (qp[static_cast<size_t>(j)] + step * q[at(t, j)]) / (1 + step);
        p[j] /= 1 + step;
      }
    }
  }
}

// The iteration's length depends on the data: known values only.
Tensor probabilities(const NodeView& n, const Tensor& scores, int64_t classes) {
  const std::vector<double> a = n.floats("prob_a"), b = n.floats("prob_b");
  const int64_t pairs = scores.shape()[1], rows = scores.shape()[0];
  if (static_cast<int64_t>(a.size()) != pairs || a.size() != b.size()) {
    n.fail("got {} prob_a and {} prob_b, expected {}", a.size(), b.size(), pairs);
  }
  const Array s = n.known(scores);
  Array y(DType::f64, {rows, classes});
  std::vector<double> r(static_cast<size_t>(classes * classes));
  for (int64_t row = 0; row < rows; ++row) {
    size_t pair = 0;
    for (int64_t i = 0; i < classes; ++i) {
      for (int64_t j = i + 1; j < classes; ++j, ++pair) {
        const double score = s.as<double>()[static_cast<size_t>(row * pairs) + pair];
        const double p = 1 / (1 + std::exp(score * a[pair] + b[pair]));
        const double inside = std::min(std::max(p, 1e-7), 1 - 1e-7);
        r[static_cast<size_t>(i * classes + j)] = inside;
        r[static_cast<size_t>(j * classes + i)] = 1 - inside;
      }
    }
    couple(classes, r, y.as<double>() + row * classes);
  }
  return NodeView::constant(y);
}

// Scores of one pair become those of both classes.
Tensor both_scores(const NodeView& n, const Tensor& s, const std::string& transform) {
  return transform == "PROBIT" ? transform_scores(n, s, transform)
                               : transform_scores(n, concat({-s, s}, 1), transform);
}

Outputs svm_classifier(const NodeView& n) {
  const Tensor x = cast(as_rows(n, n.in(0)), DType::f64);
  const Tensor labels = class_labels(n, "classlabels_ints", "classlabels_strings");
  if (!labels) n.fail("has no class labels");
  const int64_t classes = labels.shape()[0], features = x.shape()[1];
  const std::string transform = n.s("post_transform", "NONE");
  const std::vector<double> rho = n.floats("rho");
  const bool has_vectors = !n.ints("vectors_per_class").empty();
  const Machine machine = read_machine(n, has_vectors);
  if (rho.empty()) n.fail("has no rho");
  if (!has_vectors) {
    const Tensor s = machine(x, matrix_attribute(n, "coefficients", classes, features)) + rho[0];
    const Tensor z = cast(transform_scores(n, s, transform), DType::f32);
    if (classes > 1) return {gather(labels, argmax(s, 1)), z};
    const Tensor positive = reshape(greater(s, 0.0), {s.shape()[0]});
    if (labels.dtype() == DType::string) n.fail("got one label, expected two or more");
    return {cast(positive, DType::i64), z};
  }
  const Pairs pairs = read_pairs(n, classes);
  const int64_t count = pairs.weights.shape()[1];
  if (static_cast<int64_t>(rho.size()) != count)
    n.fail("got {} rho, expected {}", rho.size(), count);
  const Tensor vectors = matrix_attribute(n, "support_vectors", pairs.vectors, features);
  const Tensor s = matmul(machine(x, vectors), pairs.weights) + numbers(rho, DType::f64);
  const Tensor first = greater(s, 0.0);
  const Tensor votes = matmul(cast(first, DType::f64), pairs.for_first) +
                       matmul(cast(logical_not(first), DType::f64), pairs.for_second);
  Tensor z;
  if (!n.floats("prob_a").empty()) {
    z = transform_scores(n, probabilities(n, s, classes), transform);
  } else {
    z = count == 1 ? both_scores(n, s, transform) : transform_scores(n, s, transform);
  }
  return {gather(labels, argmax(votes, 1)), cast(z, DType::f32)};
}

constexpr OperatorRule kRules[] = {
    {"ai.onnx.ml.LinearClassifier", linear_classifier},
    {"ai.onnx.ml.LinearRegressor", linear_regressor},
    {"ai.onnx.ml.SVMClassifier", svm_classifier},
    {"ai.onnx.ml.SVMRegressor", svm_regressor},
};

}  // namespace

std::span<const OperatorRule> ml_linear_rules() { return kRules; }

}  // namespace suan::onnx
