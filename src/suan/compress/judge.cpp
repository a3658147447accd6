// Outcomes of examples.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/judge.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "suan/base/error.h"

namespace suan::compress {
namespace {

// -log of the label's share.
double cross_entropy_of(std::span<const float> scores, int64_t label) {
  const double top = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float s : scores) sum += std::exp(s - top);
  return std::log(sum) + top - scores[static_cast<size_t>(label)];
}

// Class scores by rows, each with its label.
class Rows {
 public:
  Rows(const Array& scores, const Array& labels)
      : scores_(scores.span<float>()),
        labels_(labels.span<int64_t>()),
        classes_(static_cast<size_t>(scores.shape.back())) {
    if (labels_.size() * classes_ != scores_.size()) {
      fail("compress", "{} labels for {} rows of scores", labels_.size(),
           scores_.size() / classes_);
    }
  }
  size_t count() const { return labels_.size(); }
  int64_t label(size_t row) const { return labels_[row]; }
  std::span<const float> scores(size_t row) const {
    return scores_.subspan(row * classes_, classes_);
  }

 private:
  std::span<const float> scores_;
  std::span<const int64_t> labels_;
  size_t classes_;
};

// For each row with a label: 1 where its score is the largest, else 0.
std::vector<double> answers(const Array& scores, const Array& labels) {
  const Rows rows(scores, labels);
  std::vector<double> out;
  for (size_t r = 0; r < rows.count(); ++r) {
    if (rows.label(r) < 0) continue;
    const auto row = rows.scores(r);
    out.push_back(std::max_element(row.begin(), row.end()) - row.begin() == rows.label(r));
  }
  return out;
}

// The mean loss of each window (the labels' first axis) with a label.
std::vector<double> losses(const Array& scores, const Array& labels) {
  const Rows rows(scores, labels);
  const auto windows = static_cast<size_t>(labels.shape[0]), length = rows.count() / windows;
  std::vector<double> out;
  for (size_t w = 0; w < windows; ++w) {
    double loss = 0, counted = 0;
    for (size_t r = w * length; r < (w + 1) * length; ++r) {
      if (rows.label(r) < 0) continue;
      loss += cross_entropy_of(rows.scores(r), rows.label(r));
      ++counted;
    }
    if (counted > 0) out.push_back(loss / counted);
  }
  return out;
}

// Of the parts that sample i of n has in all arrays of f32.
double cosine_of(const std::vector<Array>& a, const std::vector<Array>& b, int64_t i, int64_t n) {
  double aa = 0, bb = 0, ab = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    if (a[k].dtype != DType::f32) continue;
    const auto part = static_cast<size_t>(a[k].numel() / n);
    const auto x = a[k].span<float>().subspan(static_cast<size_t>(i) * part, part);
    const auto y = b[k].span<float>().subspan(static_cast<size_t>(i) * part, part);
    for (size_t j = 0; j < part; ++j) {
      aa += static_cast<double>(x[j]) * x[j];
      bb += static_cast<double>(y[j]) * y[j];
      ab += static_cast<double>(x[j]) * y[j];
    }
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : static_cast<double>(aa == bb);
}

class Part final : public data::Dataset {
 public:
  Part(data::DatasetPtr whole, int64_t first, int64_t step)
      : whole_(std::move(whole)), first_(first), step_(step) {}
  int64_t size() const override { return (whole_->size() - first_ + step_ - 1) / step_; }
  data::SampleSpec spec() const override { return whole_->spec(); }
  void read(int64_t index, Random& random, void* x, void* y) const override {
    whole_->read(first_ + index * step_, random, x, y);
  }
  const std::vector<std::string>& classes() const override { return whole_->classes(); }

 private:
  data::DatasetPtr whole_;
  int64_t first_, step_;
};

}  // namespace

Judge::Judge(std::span<const Examples> batches, Metric metric, const Outputs& original)
    : batches_(batches), metric_(metric) {
  if (metric == Metric::cosine) {
    for (const Examples& batch : batches) {
      wanted_.push_back(original(batch.inputs));
      add_cosines(wanted_.size() - 1, wanted_.back(), original_);
    }
  } else {
    original_ = outcomes(original);
  }
  if (original_.empty()) fail("compress", "the data has no example with a label");
}

std::vector<double> Judge::outcomes(const Outputs& outputs) const {
  std::vector<double> out;
  for (size_t b = 0; b < batches_.size(); ++b) {
    const std::vector<Array> got = outputs(batches_[b].inputs);
    if (metric_ == Metric::cosine) {
      add_cosines(b, got, out);
      continue;
    }
    const std::vector<double> some = metric_ == Metric::accuracy
                                         ? answers(got[0], batches_[b].labels)
                                         : losses(got[0], batches_[b].labels);
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

void Judge::add_cosines(size_t batch, const std::vector<Array>& got,
                        std::vector<double>& out) const {
  const int64_t samples = batches_[batch].count();
  for (int64_t i = 0; i < samples; ++i) {
    out.push_back(cosine_of(wanted_[batch], got, i, samples));
  }
}

double Judge::metric_of(const std::vector<double>& outcomes) const {
  const double mean =
      std::accumulate(outcomes.begin(), outcomes.end(), 0.0) / static_cast<double>(outcomes.size());
  return metric_ == Metric::perplexity ? std::exp(mean) : mean;
}

Judge::Verdict Judge::judge(const Outputs& compressed) const {
  const std::vector<double> got = outcomes(compressed);
  Verdict verdict{metric_of(got), {}};
  for (size_t i = 0; i < got.size(); ++i) {
    if (metric_ == Metric::accuracy) {
      verdict.drop.add_answers(original_[i] > 0, got[i] > 0);
    } else if (metric_ == Metric::perplexity) {
      verdict.drop.add_losses(original_[i], got[i]);
    } else {
      verdict.drop.add_cosine(got[i]);
    }
  }
  return verdict;
}

data::DatasetPtr part_of(data::DatasetPtr dataset, int64_t first, int64_t step) {
  return std::make_shared<Part>(std::move(dataset), first, step);
}

std::vector<data::Batch> batches_of(const data::DatasetPtr& dataset, const data::Augment& augment,
                                    int64_t batch, int64_t most) {
  const int64_t samples = std::min(most, dataset->size());
  if (samples < 1) fail("compress", "the data is empty");
  data::LoaderOptions options;
  options.batch = std::min(batch, samples);
  options.augment = augment;
  options.drop_last = true;
  data::Loader loader(part_of(dataset, 0, dataset->size() / samples), options);
  const int64_t count = samples / options.batch;
  std::vector<data::Batch> batches;
  for (data::Batch b : loader) {
    batches.push_back(std::move(b));
    if (static_cast<int64_t>(batches.size()) == count) break;
  }
  return batches;
}

}  // namespace suan::compress
