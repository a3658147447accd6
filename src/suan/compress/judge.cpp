// Outcomes of examples.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/judge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
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

class Part final : public data::Dataset {
 public:
  Part(data::DatasetPtr whole, int64_t begin, int64_t end)
      : whole_(std::move(whole)), begin_(begin), size_(end - begin) {}
  int64_t size() const override { return size_; }
  data::SampleSpec spec() const override { return whole_->spec(); }
  void read(int64_t index, Random& random, void* x, void* y) const override {
    whole_->read(begin_ + index, random, x, y);
  }
  const std::vector<std::string>& classes() const override { return whole_->classes(); }

 private:
  data::DatasetPtr whole_;
  int64_t begin_, size_;
};

}  // namespace

Judge::Judge(std::vector<data::Batch> batches, bool classifies, const Scores& original)
    : batches_(std::move(batches)), classifies_(classifies), original_(outcomes(original)) {
  if (original_.empty()) fail("compress", "the data has no example with a label");
}

std::vector<double> Judge::outcomes(const Scores& scores) const {
  std::vector<double> out;
  for (const data::Batch& batch : batches_) {
    const Array got = scores(batch);
    const int64_t classes = got.shape.back(), rows = got.numel() / classes;
    const std::span<const int64_t> labels = batch.y.span<int64_t>();
    const int64_t windows = classifies_ ? rows : batch.y.shape[0], length = rows / windows;
    if (static_cast<int64_t>(labels.size()) != rows) {
      fail("compress", "{} labels for {} rows of scores", labels.size(), rows);
    }
    for (int64_t w = 0; w < windows; ++w) {
      double loss = 0, counted = 0, right = 0;
      for (int64_t r = w * length; r < (w + 1) * length; ++r) {
        const int64_t label = labels[static_cast<size_t>(r)];
        if (label < 0) continue;
        const auto row = got.span<float>().subspan(static_cast<size_t>(r * classes),
                                                   static_cast<size_t>(classes));
        ++counted;
        if (classifies_) {
          right += std::max_element(row.begin(), row.end()) - row.begin() == label;
        } else {
          loss += cross_entropy_of(row, label);
        }
      }
      if (counted > 0) out.push_back(classifies_ ? right : loss / counted);
    }
  }
  return out;
}

double Judge::metric_of(const std::vector<double>& outcomes) const {
  const double mean =
      std::accumulate(outcomes.begin(), outcomes.end(), 0.0) / static_cast<double>(outcomes.size());
  return classifies_ ? mean : std::exp(mean);
}

Judge::Verdict Judge::judge(const Scores& compressed) const {
  const std::vector<double> got = outcomes(compressed);
  Verdict verdict{metric_of(got), {}};
  for (size_t i = 0; i < got.size(); ++i) {
    if (classifies_) {
      verdict.drop.add_answers(original_[i] > 0, got[i] > 0);
    } else {
      verdict.drop.add_losses(original_[i], got[i]);
    }
  }
  return verdict;
}

data::DatasetPtr part_of(data::DatasetPtr dataset, int64_t begin, int64_t end) {
  return std::make_shared<Part>(std::move(dataset), begin, end);
}

std::vector<data::Batch> batches_of(const data::DatasetPtr& dataset, const data::Augment& augment,
                                    int64_t batch, int64_t most) {
  const int64_t samples = std::min(most, dataset->size());
  if (samples < 1) fail("compress", "the data is empty");
  data::LoaderOptions options;
  options.batch = std::min(batch, samples);
  options.augment = augment;
  options.drop_last = true;
  data::Loader loader(part_of(dataset, 0, samples), options);
  std::vector<data::Batch> batches;
  for (const data::Batch b : loader) {
    // A loader's memory is used again.
    data::Batch own{Array(b.x.dtype, b.x.shape), Array(b.y.dtype, b.y.shape)};
    std::memcpy(own.x.buffer->data(), b.x.buffer->data(), b.x.bytes());
    std::memcpy(own.y.buffer->data(), b.y.buffer->data(), b.y.bytes());
    batches.push_back(std::move(own));
  }
  return batches;
}

}  // namespace suan::compress
