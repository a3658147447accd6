// Loader: batches of a dataset, read, augmented and stacked by worker threads ahead of time. Order
// and content depend on (seed, epoch) alone, not on the number of workers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <iterator>
#include <memory>

#include "suan/data/augment.h"
#include "suan/data/dataset.h"
#include "suan/data/mix.h"

namespace suan::data {

struct LoaderOptions {
  int64_t batch = 32;
  bool shuffle = false;
  bool drop_last = false;  // leave out a last batch that is not full
  int workers = -1;        // threads; 0: in the caller's own; -1: a quarter of num_threads()
  int prefetch = 2;        // batches made ahead
  uint64_t seed = 0;
  bool raw = false;  // images stay u8 [n, height, width, channels]
  Augment augment;   // for images
  Mix mix;           // makes y f32 [n, classes]
};

struct Batch {
  Array x, y;
};

// The batch that comes next.
struct LoaderPosition {
  int64_t epoch = 0, batch = 0;
  bool operator==(const LoaderPosition&) const = default;
};

// for (auto [x, y] : loader) goes through one epoch; the next such loop through the next epoch.
// x is f32 [n, channels, height, width] for images, else as the dataset has it. The memory of a
// batch is used again once nobody else holds it.
class Loader {
 public:
  // Throws Error when options do not fit the dataset.
  Loader(DatasetPtr dataset, const LoaderOptions& options);
  ~Loader();
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&&) noexcept;

  int64_t batches() const;  // in an epoch
  const Dataset& dataset() const;
  // Where the loop is; after the last batch, the start of the next epoch. Goes into a checkpoint.
  LoaderPosition position() const;
  // The next loop starts there instead of at the next epoch. Inside a loop it ends that loop.
  void seek(LoaderPosition position);

  class Iterator {
   public:
    using value_type = Batch;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using pointer = const Batch*;
    using reference = Batch;
    Batch operator*() const;
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return !loader_; }

   private:
    friend class Loader;
    explicit Iterator(Loader* loader) : loader_(loader) {}
    Loader* loader_;
  };
  // Throws what a worker threw for the batch that it gives.
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace suan::data
