// BatchMaker: what is in each batch of an epoch, without threads. A batch is made in chunks, which
// several workers may make at once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <exception>
#include <optional>
#include <vector>

#include "suan/data/loader.h"

namespace suan::data {

// Room for one batch, used again and again.
struct Slot {
  Array x, y;    // what the consumer gets
  Array labels;  // i64 [n] under mixing, else unused
  int64_t chunks_left = 0;
  std::exception_ptr error;  // of the earliest chunk that failed
  int64_t error_chunk = 0;
};

class BatchMaker {
 public:
  BatchMaker(DatasetPtr dataset, const LoaderOptions& options, int workers);

  const Dataset& dataset() const { return *dataset_; }
  int64_t batches() const { return batches_; }
  int64_t chunks(int64_t batch) const;
  void start_epoch(int64_t epoch);

  // Gives the slot memory of the batch's size, its old memory when nobody else holds it.
  void prepare(Slot& slot, int64_t batch) const;
  void make_chunk(Slot& slot, int64_t batch, int64_t chunk) const;
  void finish(Slot& slot, int64_t batch) const;

 private:
  int64_t samples(int64_t batch) const;
  DatasetPtr dataset_;
  SampleSpec spec_;
  int64_t batch_, batches_ = 0, chunk_ = 1;
  bool shuffle_;
  uint64_t seed_;
  std::optional<AugmentPlan> plan_;
  Mix mix_;
  DType x_dtype_;
  Shape x_shape_;
  int64_t epoch_ = 0;
  std::vector<int64_t> order_;
};

}  // namespace suan::data
