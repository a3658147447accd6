// Metrics.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/metrics.h"

#include <cmath>
#include <limits>

#include "suan/base/error.h"

namespace suan::train {
namespace {

// Calls row(logits of one row, label) for every row, after checking types and labels.
template <class F>
void for_each_row(const Array& logits, const Array& labels, int64_t ignore_index, F row) {
  if (!is_float(logits.dtype) || logits.shape.rank() < 1) {
    fail("metrics", "logits are {}{}, expected floats [rows, classes]", name(logits.dtype),
         to_string(logits.shape));
  }
  Shape rows = logits.shape;
  rows.erase(rows.rank() - 1);
  const bool integer = labels.dtype == DType::i64 || labels.dtype == DType::i32;
  if (!integer || !(labels.shape == rows)) {
    fail("metrics", "labels are {}{}, expected i64 or i32 {}", name(labels.dtype),
         to_string(labels.shape), to_string(rows));
  }
  const int64_t classes = logits.shape.back();
  std::vector<double> values(static_cast<size_t>(classes));
  for (int64_t i = 0; i < rows.numel(); ++i) {
    const int64_t label =
        labels.dtype == DType::i64 ? labels.as<int64_t>()[i] : labels.as<int32_t>()[i];
    if (label == ignore_index) continue;
    if (label < 0 || label >= classes) {
      fail(ErrorCode::kOutOfRange, "metrics", "label {} at row {} is outside [0, {})", label, i,
           classes);
    }
    visit(logits.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      for (int64_t k = 0; k < classes; ++k) {
        const auto v = static_cast<double>(logits.as<T>()[i * classes + k]);
        values[static_cast<size_t>(k)] =
            std::isnan(v) ? -std::numeric_limits<double>::infinity() : v;
      }
    });
    row(values, label);
  }
}

// How many classes come before `label`, from the largest logit down.
int64_t rank_of(const std::vector<double>& values, int64_t label) {
  const double own = values[static_cast<size_t>(label)];
  int64_t rank = 0;
  for (size_t k = 0; k < values.size(); ++k) {
    if (values[k] > own || (values[k] == own && static_cast<int64_t>(k) < label)) ++rank;
  }
  return rank;
}

double ratio(int64_t a, int64_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

}  // namespace

Accuracy::Accuracy(int64_t top, int64_t ignore_index) : top_(top), ignore_index_(ignore_index) {
  if (top < 1) fail("accuracy", "top is {}, expected 1 or more", top);
}

void Accuracy::add(const Array& logits, const Array& labels) {
  for_each_row(logits, labels, ignore_index_, [&](const std::vector<double>& v, int64_t label) {
    if (rank_of(v, label) < top_) ++correct_;
    ++count_;
  });
}

double Accuracy::value() const {
  return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : ratio(correct_, count_);
}

ConfusionMatrix::ConfusionMatrix(int64_t classes) : classes_(classes) {
  if (classes < 1 || classes > 30'000) {
    fail("confusion matrix", "got {} classes, expected 1 to 30000", classes);
  }
  counts_.resize(static_cast<size_t>(classes * classes));
}

void ConfusionMatrix::add(const Array& logits, const Array& labels) {
  for_each_row(logits, labels, -100, [&](const std::vector<double>& v, int64_t label) {
    int64_t best = 0;
    for (size_t k = 1; k < v.size(); ++k) {
      if (v[k] > v[static_cast<size_t>(best)]) best = static_cast<int64_t>(k);
    }
    add(label, best);
  });
}

void ConfusionMatrix::add(int64_t label, int64_t prediction) {
  for (const int64_t k : {label, prediction}) {
    if (k < 0 || k >= classes_) {
      fail(ErrorCode::kOutOfRange, "confusion matrix", "class {} is outside [0, {})", k, classes_);
    }
  }
  ++counts_[static_cast<size_t>(label * classes_ + prediction)];
}

int64_t ConfusionMatrix::row_sum(int64_t k) const {
  int64_t sum = 0;
  for (int64_t j = 0; j < classes_; ++j) sum += at(k, j);
  return sum;
}
int64_t ConfusionMatrix::column_sum(int64_t k) const {
  int64_t sum = 0;
  for (int64_t j = 0; j < classes_; ++j) sum += at(j, k);
  return sum;
}

double ConfusionMatrix::accuracy() const {
  int64_t correct = 0;
  int64_t total = 0;
  for (int64_t k = 0; k < classes_; ++k) {
    correct += at(k, k);
    total += row_sum(k);
  }
  return total == 0 ? std::numeric_limits<double>::quiet_NaN() : ratio(correct, total);
}

double ConfusionMatrix::precision(int64_t k) const { return ratio(at(k, k), column_sum(k)); }
double ConfusionMatrix::recall(int64_t k) const { return ratio(at(k, k), row_sum(k)); }
double ConfusionMatrix::f1(int64_t k) const {
  return ratio(2 * at(k, k), row_sum(k) + column_sum(k));
}

double ConfusionMatrix::f1_macro() const {
  double sum = 0;
  int64_t present = 0;
  for (int64_t k = 0; k < classes_; ++k) {
    if (row_sum(k) + column_sum(k) == 0) continue;
    sum += f1(k);
    ++present;
  }
  return present == 0 ? 0 : sum / static_cast<double>(present);
}

double ConfusionMatrix::f1_micro() const { return accuracy(); }

double perplexity(double mean_loss) { return std::exp(mean_loss); }

}  // namespace suan::train
