// Buffer: a reference-counted block of memory on one device. Tensors, states and programs share it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace suan {

enum class DeviceKind : uint8_t { cpu, cuda };

class Buffer {
 public:
  // 64-byte aligned host memory, not initialised. Throws Error(kSystem) when there is none.
  static std::shared_ptr<Buffer> allocate(size_t bytes);
  static std::shared_ptr<Buffer> copy_of(const void* data, size_t bytes);
  // Memory owned by somebody else (a mapped file, a caller's array); `release` runs at the end.
  static std::shared_ptr<Buffer> borrow(void* data, size_t bytes, std::function<void()> release,
                                        DeviceKind device = DeviceKind::cpu);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void* data() const { return data_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }
  DeviceKind device() const { return device_; }

 private:
  Buffer(void* data, size_t bytes, DeviceKind device)
      : data_(data), bytes_(bytes), device_(device) {}
  void* data_;
  size_t bytes_;
  DeviceKind device_;
  std::function<void()> release_;
};
using BufferPtr = std::shared_ptr<Buffer>;

}  // namespace suan
