// Judge: compares a compressed model with the original, example by example, on data that the
// metric needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <vector>

#include "suan/base/array.h"
#include "suan/compress/contract.h"
#include "suan/compress/run_batches.h"
#include "suan/data/loader.h"

namespace suan::compress {

// A batch of examples: the model's inputs, and labels i64 (of no use to the cosine).
struct Examples {
  Batch inputs;
  Array labels;
  int64_t count() const { return inputs.at(0).shape[0]; }
};
// The model's outputs for a batch of inputs. Where labels count, the first one has class scores f32
// [rows..., classes].
using Outputs = std::function<std::vector<Array>(const Batch& inputs)>;

class Judge {
 public:
  // For accuracy an example is a row with a label of 0 or more: right where the largest score is
  // its label's. For perplexity it is a window of tokens, and its loss the mean cross entropy. For
  // the cosine it is a sample, all outputs together. Throws Error where there is no example.
  Judge(std::span<const Examples> batches, Metric metric, const Outputs& original);

  int64_t batch() const { return batches_.front().count(); }
  int64_t examples() const { return static_cast<int64_t>(original_.size()); }
  double original() const { return metric_of(original_); }
  struct Verdict {
    double metric = 0;  // of the compressed model: accuracy (0 to 1), perplexity or cosine
    PairedDrop drop;
  };
  Verdict judge(const Outputs& compressed) const;

 private:
  std::vector<double> outcomes(const Outputs& outputs) const;
  void add_cosines(size_t batch, const std::vector<Array>& got, std::vector<double>& out) const;
  double metric_of(const std::vector<double>& outcomes) const;
  std::span<const Examples> batches_;
  Metric metric_;
  std::vector<std::vector<Array>> wanted_;  // of each batch, for the cosine
  std::vector<double> original_;            // 1 or 0 for right or wrong; losses; cosines
};

// A part of a data set, whose samples may be in the order of their classes: `first` and each `step`
// samples further.
data::DatasetPtr part_of(data::DatasetPtr dataset, int64_t first, int64_t step);
// Whole batches of a data set, as evaluations read them, of up to `most` samples from all over it;
// at least one sample, in smaller batches where there are fewer.
std::vector<data::Batch> batches_of(const data::DatasetPtr& dataset, const data::Augment& augment,
                                    int64_t batch, int64_t most);

}  // namespace suan::compress
