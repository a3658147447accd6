// The threads of a Loader. Batches b to b + slots - 1 are in the making at most; workers take
// chunks of them in order, so the batch wanted next is always the furthest along.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/loader.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/data/internal/batch_maker.h"

namespace suan::data {
namespace {

int worker_count(const LoaderOptions& options) {
  if (options.workers < -1 || options.workers > 256) {
    fail("loader", "workers must be -1 to 256, got {}", options.workers);
  }
  if (options.prefetch < 1 || options.prefetch > 1024) {
    fail("loader", "prefetch must be 1 to 1024, got {}", options.prefetch);
  }
  return options.workers >= 0 ? options.workers : std::clamp(num_threads() / 4, 1, 8);
}

}  // namespace

struct Loader::State {
  State(DatasetPtr dataset, const LoaderOptions& options)
      : workers(worker_count(options)),
        maker(std::move(dataset), options, workers),
        // One more than made ahead: the batch the consumer has.
        slots(static_cast<size_t>(workers == 0 ? 1 : options.prefetch + 1)) {
    for (int i = 0; i < workers; ++i) threads.emplace_back([this] { work(); });
  }
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    work_there.notify_all();
    for (std::thread& thread : threads) thread.join();
  }

  Slot& slot(int64_t batch) { return slots[static_cast<size_t>(batch) % slots.size()]; }
  bool has_work() const {
    return running && next_batch < maker.batches() &&
           next_batch < current + static_cast<int64_t>(slots.size());
  }

  void make(Slot& slot, int64_t batch, int64_t chunk) {
    std::exception_ptr error;
    try {
      maker.make_chunk(slot, batch, chunk);
    } catch (...) {
      error = std::current_exception();
    }
    std::unique_lock lock(mutex);
    if (error && (!slot.error || chunk < slot.error_chunk)) {
      slot.error = error;
      slot.error_chunk = chunk;
    }
    if (slot.chunks_left > 1) {
      --slot.chunks_left;
      return;
    }
    lock.unlock();
    maker.finish(slot, batch);  // all chunks are there, and nobody reads it before it is ready
    lock.lock();
    slot.chunks_left = 0;
    batch_ready.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      work_there.wait(lock, [&] { return stop || has_work(); });
      if (stop) return;
      const int64_t batch = next_batch, chunk = next_chunk;
      Slot& taken = slot(batch);
      if (chunk == 0) prepare(taken, batch);
      if (++next_chunk == maker.chunks(batch)) {
        ++next_batch;
        next_chunk = 0;
      }
      if (taken.chunks_left == 0) continue;  // there was no memory for it
      ++in_flight;
      lock.unlock();
      make(taken, batch, chunk);
      lock.lock();
      if (--in_flight == 0 && !running) batch_ready.notify_all();
    }
  }

  // Memory that cannot be had is an error of the batch like any other.
  void prepare(Slot& slot, int64_t batch) {
    try {
      maker.prepare(slot, batch);
    } catch (...) {
      slot.error = std::current_exception();
      slot.chunks_left = 0;
    }
    prepared = batch + 1;
  }

  void end_epoch() {
    std::unique_lock lock(mutex);
    running = false;
    batch_ready.wait(lock, [&] { return in_flight == 0; });
  }

  void start_epoch() {
    end_epoch();
    if (!seeked && position.batch > 0) position = {position.epoch + 1, 0};
    seeked = false;
    maker.start_epoch(position.epoch);
    const std::lock_guard lock(mutex);
    current = next_batch = position.batch;
    prepared = position.batch;
    next_chunk = 0;
    running = true;
    work_there.notify_all();
  }

  // Waits for batch `current`, and throws what went wrong in it.
  void wait() {
    Slot& wanted = slot(current);
    if (workers == 0) {
      prepare(wanted, current);
      if (wanted.chunks_left > 0) make(wanted, current, 0);
    } else {
      std::unique_lock lock(mutex);
      batch_ready.wait(lock, [&] { return prepared > current && wanted.chunks_left == 0; });
    }
    position = current + 1 < maker.batches() ? LoaderPosition{position.epoch, current + 1}
                                             : LoaderPosition{position.epoch + 1, 0};
    if (wanted.error) {
      const std::exception_ptr error = std::exchange(wanted.error, nullptr);
      end_epoch();
      std::rethrow_exception(error);
    }
  }

  // False after the last batch, and when seek() ended the epoch.
  bool next() {
    if (!running) return false;
    {
      const std::lock_guard lock(mutex);
      ++current;
    }
    work_there.notify_all();
    if (current == maker.batches()) return false;
    wait();
    return true;
  }

  int workers;
  BatchMaker maker;
  std::vector<Slot> slots;
  LoaderPosition position;
  bool seeked = false;

  std::mutex mutex;  // guards what follows, and the slots' counts and errors
  std::condition_variable work_there, batch_ready;
  bool stop = false, running = false;
  int64_t current = 0;                     // the batch the consumer has or waits for
  int64_t next_batch = 0, next_chunk = 0;  // the work nobody has taken yet
  int64_t prepared = 0;                    // batches before this one have a slot of this epoch
  int in_flight = 0;
  std::vector<std::thread> threads;
};

Loader::Loader(DatasetPtr dataset, const LoaderOptions& options)
    : state_(std::make_unique<State>(std::move(dataset), options)) {}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

int64_t Loader::batches() const { return state_->maker.batches(); }
const Dataset& Loader::dataset() const { return state_->maker.dataset(); }
LoaderPosition Loader::position() const { return state_->position; }

void Loader::seek(LoaderPosition position) {
  if (position.epoch < 0 || position.batch < 0 || position.batch >= batches()) {
    fail("loader", "cannot go to epoch {}, batch {}: an epoch has {} batches", position.epoch,
         position.batch, batches());
  }
  state_->end_epoch();
  state_->position = position;
  state_->seeked = true;
}

Loader::Iterator Loader::begin() {
  state_->start_epoch();
  state_->wait();
  return Iterator(this);
}

Batch Loader::Iterator::operator*() const {
  const Slot& slot = loader_->state_->slot(loader_->state_->current);
  return {slot.x, slot.y};
}

Loader::Iterator& Loader::Iterator::operator++() {
  if (!loader_->state_->next()) loader_ = nullptr;
  return *this;
}

}  // namespace suan::data
