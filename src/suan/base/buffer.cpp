// Host memory for buffers: aligned for vectors, huge pages asked for where a block is large.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "suan/base/error.h"

namespace suan {

struct Buffer::Deferred {
  std::function<BufferPtr()> fill;
  std::once_flag once;
  BufferPtr made;
};

Buffer::Buffer(void* data, size_t bytes, DeviceKind device)
    : data_(data), bytes_(bytes), device_(device) {}

BufferPtr Buffer::allocate(size_t bytes) {
  constexpr size_t kHuge = size_t{2} << 20;
  const size_t align = bytes >= 2 * kHuge ? kHuge : 64;
  const size_t rounded = (bytes / align + (bytes % align != 0)) * align;  // 0 if it overflows
  void* data = rounded < bytes ? nullptr : std::aligned_alloc(align, rounded ? rounded : align);
  if (!data) fail(ErrorCode::kSystem, "memory", "could not allocate {} bytes", bytes);
  if (align == kHuge) madvise(data, rounded, MADV_HUGEPAGE);
  BufferPtr buffer(new Buffer(data, bytes, DeviceKind::cpu));
  buffer->release_ = [data] { std::free(data); };
  return buffer;
}

BufferPtr Buffer::copy_of(const void* data, size_t bytes) {
  BufferPtr buffer = allocate(bytes);
  if (bytes) std::memcpy(buffer->data(), data, bytes);
  return buffer;
}

BufferPtr Buffer::borrow(void* data, size_t bytes, std::function<void()> release,
                         DeviceKind device) {
  BufferPtr buffer(new Buffer(data, bytes, device));
  buffer->release_ = std::move(release);
  return buffer;
}

BufferPtr Buffer::deferred(size_t bytes, std::function<BufferPtr()> fill) {
  BufferPtr buffer(new Buffer(nullptr, bytes, DeviceKind::cpu));
  buffer->deferred_ = std::make_unique<Deferred>();
  buffer->deferred_->fill = std::move(fill);
  return buffer;
}

BufferPtr Buffer::once(const BufferPtr& buffer) {
  const bool there = !buffer->deferred_ || buffer->data_.load(std::memory_order_acquire);
  return there ? buffer : buffer->deferred_->fill();
}

void* Buffer::filled() const {
  std::call_once(deferred_->once, [this] {
    deferred_->made = deferred_->fill();
    data_.store(deferred_->made->data(), std::memory_order_release);
  });
  return data_.load(std::memory_order_acquire);
}

Buffer::~Buffer() {
  if (release_) release_();
}

}  // namespace suan
