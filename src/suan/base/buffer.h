// Buffer: a reference-counted block of memory. Tensors, states and programs share it. It may lie on
// a device: then data() is a copy in host memory, made when somebody wants it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "suan/base/memory_limit.h"

namespace suan {

// Memory of a device (backend/device.h), freed when what works on it has ended.
class DeviceBlock {
 public:
  virtual ~DeviceBlock() = default;
  virtual void* address() const = 0;
  virtual const void* device() const = 0;  // its Device
  // Waits until all work on it has ended, then copies it to host memory. Throws what that work
  // failed with.
  virtual void download(void* to, size_t bytes) const = 0;
  // After all work on it so far; `from` may be changed again at once.
  virtual void upload(const void* from, size_t bytes) = 0;
};

// What the work that writes a block may find wrong with the data it was given (an index out of
// range), which is known when that work has ended.
class DataCheck {
 public:
  virtual ~DataCheck() = default;
  virtual void throw_if_failed() = 0;  // once
};
using DataChecks = std::vector<std::weak_ptr<DataCheck>>;
// Adds those of `more` that are neither gone nor there.
void add_checks(DataChecks& checks, const DataChecks& more);

// The next place at which a block may begin within another.
inline constexpr size_t kBlockAlign = 64;
constexpr size_t aligned(size_t bytes) {
  return (bytes + kBlockAlign - 1) / kBlockAlign * kBlockAlign;
}

class Buffer {
 public:
  // 64-byte aligned host memory, not initialised. Throws Error(kSystem) when there is none, and
  // what a MemoryLimit of this thread throws.
  static std::shared_ptr<Buffer> allocate(size_t bytes);
  static std::shared_ptr<Buffer> copy_of(const void* data, size_t bytes);
  // Memory owned by somebody else (a mapped file, a caller's array); `release` runs at the end.
  static std::shared_ptr<Buffer> borrow(void* data, size_t bytes, std::function<void()> release);
  // A block that lies on a device.
  static std::shared_ptr<Buffer> on_device(size_t bytes, std::shared_ptr<DeviceBlock> block);
  // A block that is made by `fill` when its data is first wanted: of exactly that many bytes.
  static std::shared_ptr<Buffer> deferred(size_t bytes,
                                          std::function<std::shared_ptr<Buffer>()> fill);
  // The same for a block that is made of others, which `fill` gets in order. Of these, deferred
  // ones that nobody has wanted yet are made for this alone, each once, however long the chain.
  using Inputs = std::vector<std::shared_ptr<Buffer>>;
  static std::shared_ptr<Buffer> deferred(
      size_t bytes, Inputs inputs, std::function<std::shared_ptr<Buffer>(const Inputs&)> fill);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const {
    void* data = data_.load(std::memory_order_acquire);
    return data || !late_ ? data : filled();
  }
  template <class T>
  T* as() const {
    return static_cast<T*>(data());
  }
  // The same memory for somebody who wants it once: a deferred block whose data nobody has wanted
  // yet is made for this caller and not kept.
  static std::shared_ptr<Buffer> once(const std::shared_ptr<Buffer>& buffer);
  // Whether its data takes memory yet.
  bool is_made() const { return !deferred_ || data_.load(std::memory_order_acquire); }
  size_t bytes() const { return bytes_; }

  // The same bytes on a device, if they are there; to be kept beside the host's.
  std::shared_ptr<DeviceBlock> device_block() const;
  void keep_on_device(std::shared_ptr<DeviceBlock> block);
  // The host's copy is stale: to be called by whoever writes there, with what is to be checked when
  // the new content is downloaded. Nobody else may use the block.
  void written_on_device(DataChecks checks = {});
  DataChecks checks() const;  // of what lies on the device
  // Another content, wherever the block lies. Nobody else may use the block.
  void overwrite(const void* data);

 private:
  Buffer(void* data, size_t bytes);
  struct Deferred;
  class Maker;
  void* filled() const;
  mutable std::atomic<void*> data_;
  size_t bytes_;
  bool late_ = false;  // data_ may be null: it is made, or downloaded, when it is wanted
  MemoryCharge charge_;
  std::function<void()> release_;
  std::unique_ptr<Deferred> deferred_;
  std::shared_ptr<DeviceBlock> device_;
  DataChecks checks_;
  mutable std::shared_ptr<Buffer> host_;  // where a download goes
};
using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace suan
