// Judge: compares a compressed model with the original, example by example, on data with labels.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <vector>

#include "suan/base/array.h"
#include "suan/compress/contract.h"
#include "suan/data/loader.h"

namespace suan::compress {

// Class scores f32 [rows..., classes] of the inputs of a batch.
using Scores = std::function<Array(const data::Batch& batch)>;

class Judge {
 public:
  // Of tasks that classify an example is a row with a label of 0 or more: right where the largest
  // score is its label's. Of others it is a window of tokens, and its loss the mean cross entropy.
  Judge(std::vector<data::Batch> batches, bool classifies, const Scores& original);

  int64_t batch() const { return batches_.at(0).x.shape[0]; }
  int64_t examples() const { return static_cast<int64_t>(original_.size()); }
  // Of the original: accuracy (0 to 1), or perplexity.
  double original() const { return metric_of(original_); }
  struct Verdict {
    double metric = 0;  // of the compressed model
    PairedDrop drop;
  };
  Verdict judge(const Scores& compressed) const;

 private:
  std::vector<double> outcomes(const Scores& scores) const;  // 1 or 0 for right or wrong; losses
  double metric_of(const std::vector<double>& outcomes) const;
  std::vector<data::Batch> batches_;
  bool classifies_;
  std::vector<double> original_;
};

// A part of a data set: samples [begin, end).
data::DatasetPtr part_of(data::DatasetPtr dataset, int64_t begin, int64_t end);
// Whole batches of a data set, as evaluations read them, up to `most` samples; at least one sample,
// in smaller batches where there are fewer.
std::vector<data::Batch> batches_of(const data::DatasetPtr& dataset, const data::Augment& augment,
                                    int64_t batch, int64_t most);

}  // namespace suan::compress
