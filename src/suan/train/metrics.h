// Metrics of classifiers and language models, counted on the host over any number of batches.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

#include "suan/base/array.h"

namespace suan::train {

// Share of rows whose label is among the `top` largest logits. Of equal logits the lower class
// counts as larger; a NaN as smaller than all.
class Accuracy {
 public:
  explicit Accuracy(int64_t top = 1, int64_t ignore_index = -100);
  // logits [rows..., classes] of a float dtype, labels [rows...] of i64 or i32. Rows labelled
  // ignore_index do not count. Throws Error for other types, and for labels out of range.
  void add(const Array& logits, const Array& labels);
  double value() const;  // NaN before the first row
  int64_t correct() const { return correct_; }
  int64_t count() const { return count_; }

 private:
  int64_t top_, ignore_index_;
  int64_t correct_ = 0, count_ = 0;
};

// Counts of (label, prediction), and what follows from them.
class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(int64_t classes);
  void add(const Array& logits, const Array& labels);  // as Accuracy::add; predicts the largest
  void add(int64_t label, int64_t prediction);         // throws Error when out of range

  int64_t classes() const { return classes_; }
  int64_t at(int64_t label, int64_t prediction) const {
    return counts_[static_cast<size_t>(label * classes_ + prediction)];
  }
  double accuracy() const;
  // Of one class: precision = tp / (tp + fp), recall = tp / (tp + fn), F1 their harmonic mean. A
  // quotient 0 / 0 is 0, as in scikit-learn.
  double precision(int64_t k) const;
  double recall(int64_t k) const;
  double f1(int64_t k) const;
  double f1_macro() const;  // mean of f1 over the classes that occur as label or prediction
  double f1_micro() const;  // of the summed counts; with one label per row this is the accuracy

 private:
  int64_t row_sum(int64_t k) const;
  int64_t column_sum(int64_t k) const;
  int64_t classes_;
  std::vector<int64_t> counts_;
};

// exp of the mean cross-entropy in nats.
double perplexity(double mean_loss);

}  // namespace suan::train
