// Host memory for buffers: aligned for vectors, huge pages asked for where a block is large.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "suan/base/error.h"

namespace suan {

struct Buffer::Deferred {
  Inputs inputs;
  std::function<BufferPtr(const Inputs&)> fill;
  std::once_flag once;
  BufferPtr made;
};

// Makes a deferred block and, before it, those that it is made of. A chain of them may be longer
// than the stack is deep, and several may be made of the same one.
class Buffer::Maker {
 public:
  explicit Maker(const Buffer& wanted) {
    std::vector<Visit> path{{&wanted}};
    while (!path.empty()) {
      Visit& visit = path.back();
      const Inputs& inputs = visit.block->deferred_->inputs;
      if (visit.next == inputs.size()) {
        order_.push_back(visit.block);
        path.pop_back();
        continue;
      }
      const Buffer* input = inputs[visit.next++].get();
      if (!input->is_made() && readers_[input]++ == 0) path.push_back({input});
    }
  }
  BufferPtr make() {
    BufferPtr made;
    for (const Buffer* block : order_) {
      made = block->deferred_->fill(take(block->deferred_->inputs));
      made_[block] = made;
    }
    return made;
  }

 private:
  struct Visit {
    const Buffer* block;
    size_t next = 0;  // of its inputs
  };

  // What was made for this goes with its last reader.
  Inputs take(const Inputs& inputs) {
    Inputs taken;
    for (const BufferPtr& input : inputs) {
      const auto found = made_.find(input.get());
      taken.push_back(found == made_.end() ? input : found->second);
      if (found != made_.end() && --readers_[input.get()] == 0) made_.erase(found);
    }
    return taken;
  }

  std::vector<const Buffer*> order_;
  std::unordered_map<const Buffer*, size_t> readers_;
  std::unordered_map<const Buffer*, BufferPtr> made_;
};

Buffer::Buffer(void* data, size_t bytes) : data_(data), bytes_(bytes) {}

BufferPtr Buffer::allocate(size_t bytes) {
  constexpr size_t kHuge = size_t{2} << 20;
  MemoryCharge charge(bytes);
  const size_t align = bytes >= 2 * kHuge ? kHuge : 64;
  const size_t rounded = (bytes / align + (bytes % align != 0)) * align;  // 0 if it overflows
  void* data = rounded < bytes ? nullptr : std::aligned_alloc(align, rounded ? rounded : align);
  if (!data) fail(ErrorCode::kSystem, "memory", "could not allocate {} bytes", bytes);
  if (align == kHuge) madvise(data, rounded, MADV_HUGEPAGE);
  BufferPtr buffer(new Buffer(data, bytes));
  buffer->charge_ = std::move(charge);
  buffer->release_ = [data] { std::free(data); };
  return buffer;
}

BufferPtr Buffer::copy_of(const void* data, size_t bytes) {
  BufferPtr buffer = allocate(bytes);
  if (bytes) std::memcpy(buffer->data(), data, bytes);
  return buffer;
}

BufferPtr Buffer::borrow(void* data, size_t bytes, std::function<void()> release) {
  BufferPtr buffer(new Buffer(data, bytes));
  buffer->release_ = std::move(release);
  return buffer;
}

BufferPtr Buffer::deferred(size_t bytes, Inputs inputs,
                           std::function<BufferPtr(const Inputs&)> fill) {
  BufferPtr buffer(new Buffer(nullptr, bytes));
  buffer->late_ = true;
  buffer->deferred_ = std::make_unique<Deferred>();
  buffer->deferred_->inputs = std::move(inputs);
  buffer->deferred_->fill = std::move(fill);
  return buffer;
}
BufferPtr Buffer::deferred(size_t bytes, std::function<BufferPtr()> fill) {
  return deferred(bytes, {}, [fill = std::move(fill)](const Inputs&) { return fill(); });
}

BufferPtr Buffer::once(const BufferPtr& buffer) {
  return buffer->is_made() ? buffer : Maker(*buffer).make();
}

namespace {
// Guards what changes about a block on a device. A download holds it: blocks seldom share one.
std::mutex& device_mutex(const Buffer* buffer) {
  static std::mutex mutexes[61];
  return mutexes[reinterpret_cast<uintptr_t>(buffer) / alignof(std::max_align_t) %
                 std::size(mutexes)];
}
}  // namespace

void add_checks(DataChecks& checks, const DataChecks& more) {
  for (const auto& check : more) {
    const auto same = [&](const auto& c) {
      return !c.owner_before(check) && !check.owner_before(c);
    };
    if (!check.expired() && std::none_of(checks.begin(), checks.end(), same)) {
      checks.push_back(check);
    }
  }
}

BufferPtr Buffer::on_device(size_t bytes, std::shared_ptr<DeviceBlock> block) {
  BufferPtr buffer(new Buffer(nullptr, bytes));
  buffer->late_ = true;
  buffer->device_ = std::move(block);
  return buffer;
}

std::shared_ptr<DeviceBlock> Buffer::device_block() const {
  const std::lock_guard lock(device_mutex(this));
  return device_;
}

void Buffer::keep_on_device(std::shared_ptr<DeviceBlock> block) {
  const std::lock_guard lock(device_mutex(this));
  device_ = std::move(block);
}

DataChecks Buffer::checks() const {
  const std::lock_guard lock(device_mutex(this));
  return checks_;
}

void Buffer::written_on_device(DataChecks checks) {
  const std::lock_guard lock(device_mutex(this));
  checks_ = std::move(checks);
  data_.store(nullptr, std::memory_order_release);
  late_ = true;
  if (release_) std::exchange(release_, nullptr)();
  charge_ = MemoryCharge();
  deferred_.reset();
}

void Buffer::overwrite(const void* data) {
  if (!device_) {
    std::memcpy(this->data(), data, bytes_);
    return;
  }
  device_->upload(data, bytes_);
  written_on_device();
}

void* Buffer::filled() const {
  if (!deferred_) {
    const std::lock_guard lock(device_mutex(this));
    void* data = data_.load(std::memory_order_acquire);
    if (data) return data;
    if (!host_) host_ = allocate(bytes_);
    device_->download(host_->data(), bytes_);
    for (const auto& check : checks_) {
      if (const auto alive = check.lock()) alive->throw_if_failed();
    }
    data_.store(host_->data(), std::memory_order_release);
    return host_->data();
  }
  std::call_once(deferred_->once, [this] {
    deferred_->made = Maker(*this).make();
    data_.store(deferred_->made->data(), std::memory_order_release);
  });
  return data_.load(std::memory_order_acquire);
}

Buffer::~Buffer() {
  if (release_) release_();
  if (!deferred_) return;
  // The end of a chain must not recurse through all of it.
  thread_local Inputs* queue = nullptr;
  if (queue) {
    for (BufferPtr& input : deferred_->inputs) queue->push_back(std::move(input));
    return;
  }
  Inputs pending = std::move(deferred_->inputs);
  queue = &pending;
  while (!pending.empty()) {
    const BufferPtr last = std::move(pending.back());
    pending.pop_back();
  }
  queue = nullptr;
}

}  // namespace suan
