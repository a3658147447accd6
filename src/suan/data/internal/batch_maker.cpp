// Which samples go into a batch, and the random streams they use.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/internal/batch_maker.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "suan/base/error.h"

namespace suan::data {
namespace {

// Streams of a seed: sample i is stream i; these are beyond every sample.
constexpr uint64_t kOrderStream = uint64_t{1} << 63;
constexpr uint64_t kMixStream = kOrderStream + 1;

Shape with_first(int64_t n, const Shape& shape) {
  Shape result = shape;
  result.insert(0, n);
  return result;
}

// Keeps the array's memory when it is large enough for `shape` and nobody else holds it.
void renew(Array& array, DType dtype, const Shape& shape) {
  const bool fits =
      array.buffer && array.dtype == dtype && array.shape == shape && array.buffer.use_count() == 1;
  // Another thread may have let go of it just now: its reads come before our writes.
  std::atomic_thread_fence(std::memory_order_acquire);
  if (!fits) array = Array(dtype, shape);
}

}  // namespace

BatchMaker::BatchMaker(DatasetPtr dataset, const LoaderOptions& options, int workers)
    : dataset_(std::move(dataset)),
      spec_(dataset_->spec()),
      batch_(options.batch),
      shuffle_(options.shuffle),
      seed_(options.seed),
      mix_(options.mix),
      x_dtype_(spec_.x_dtype),
      x_shape_(spec_.x_shape) {
  const int64_t size = dataset_->size();
  if (batch_ < 1) fail("loader", "batch must be at least 1, got {}", batch_);
  if (size < 1) fail("loader", "the dataset is empty");
  batches_ = options.drop_last ? size / batch_ : (size + batch_ - 1) / batch_;
  if (batches_ == 0) {
    fail("loader", "drop_last leaves nothing: {} samples are no full batch of {}", size, batch_);
  }
  const bool augmented = !options.augment.steps.empty();
  if (augmented && (!spec_.image || options.raw)) {
    fail("loader", "augment needs images that are not raw");
  }
  if (spec_.image && !options.raw) {
    plan_.emplace(options.augment, spec_.x_shape);
    x_dtype_ = DType::f32;
    x_shape_ = plan_->output_shape();
  }
  check_mix(mix_);
  if (mix_.index() != 0 && (!plan_ || spec_.classes < 1)) {
    fail("loader", "mixup and cutmix need images with class labels");
  }
  chunk_ = workers == 0 ? batch_ : std::max<int64_t>(1, (batch_ + 2 * workers - 1) / (2 * workers));
  order_.resize(static_cast<size_t>(size));
}

int64_t BatchMaker::samples(int64_t batch) const {
  return std::min(batch_, dataset_->size() - batch * batch_);
}

int64_t BatchMaker::chunks(int64_t batch) const { return (samples(batch) + chunk_ - 1) / chunk_; }

void BatchMaker::start_epoch(int64_t epoch) {
  epoch_ = epoch;
  std::iota(order_.begin(), order_.end(), int64_t{0});
  if (shuffle_) {
    Random(seed_, kOrderStream, static_cast<uint32_t>(epoch)).shuffle(std::span<int64_t>(order_));
  }
}

void BatchMaker::prepare(Slot& slot, int64_t batch) const {
  const int64_t n = samples(batch);
  renew(slot.x, x_dtype_, with_first(n, x_shape_));
  if (mix_.index() != 0) {
    renew(slot.y, DType::f32, {n, spec_.classes});
    renew(slot.labels, DType::i64, {n});
  } else {
    renew(slot.y, spec_.y_dtype, with_first(n, spec_.y_shape));
  }
  slot.chunks_left = chunks(batch);
  slot.error = nullptr;
}

void BatchMaker::make_chunk(Slot& slot, int64_t batch, int64_t chunk) const {
  thread_local std::vector<uint8_t> image;
  const Array& labels = mix_.index() != 0 ? slot.labels : slot.y;
  const size_t y_size = y_bytes(spec_);
  const size_t x_size = static_cast<size_t>(x_shape_.numel()) * size_of(x_dtype_);
  if (plan_) image.resize(x_bytes(spec_));
  const int64_t end = std::min(samples(batch), (chunk + 1) * chunk_);
  for (int64_t i = chunk * chunk_; i < end; ++i) {
    const int64_t index = order_[static_cast<size_t>(batch * batch_ + i)];
    Random random(seed_, static_cast<uint64_t>(index), static_cast<uint32_t>(epoch_));
    uint8_t* x = slot.x.as<uint8_t>() + static_cast<size_t>(i) * x_size;
    uint8_t* y = labels.as<uint8_t>() + static_cast<size_t>(i) * y_size;
    dataset_->read(index, random, plan_ ? image.data() : x, y);
    if (plan_) plan_->apply(image.data(), random, reinterpret_cast<float*>(x));
  }
}

void BatchMaker::finish(Slot& slot, int64_t batch) const {
  if (mix_.index() == 0 || slot.error) return;
  Random random(seed_, kMixStream + static_cast<uint64_t>(batch), static_cast<uint32_t>(epoch_));
  mix_batch(mix_, slot.x, slot.labels, slot.y, random);
}

}  // namespace suan::data
