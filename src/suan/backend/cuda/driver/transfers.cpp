// Uploads and downloads. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/transfers.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace suan::cuda {
namespace {

constexpr size_t kChunk = size_t{4} << 20;    // bytes of a slot
constexpr size_t kSmall = size_t{64} << 10;   // the driver copies so much before the call returns
constexpr size_t kBeside = size_t{64} << 20;  // more than this is not worth memory of its own

}  // namespace

Transfers::Transfers(std::shared_ptr<Queue> queue) : queue_(std::move(queue)) {
  const auto turn = queue_->turn();
  SUAN_CU(cuEventCreate(&arrived_, CU_EVENT_DISABLE_TIMING));
}

Transfers::~Transfers() {
  queue_->make_current();
  for (Ring* ring : {&up_, &down_}) {
    for (const Slot& slot : ring->slots) {
      if (slot.done) cuda_api().cuEventSynchronize(slot.done);
      if (slot.done) cuda_api().cuEventDestroy(slot.done);
      if (slot.memory) cuda_api().cuMemFreeHost(slot.memory);
    }
  }
  cuda_api().cuEventDestroy(arrived_);
}

void Transfers::prepare(Ring& ring) {
  for (Slot& slot : ring.slots) {
    if (!slot.memory) {
      SUAN_CU(cuMemHostAlloc(&slot.memory, kChunk, CU_MEMHOSTALLOC_PORTABLE));
    }
    if (!slot.done) SUAN_CU(cuEventCreate(&slot.done, CU_EVENT_DISABLE_TIMING));
  }
}

// A slot is filled again when what it held has been read: an event that was never recorded counts
// as done.
void Transfers::send(CUdeviceptr to, const char* host, size_t bytes, CUstream stream) {
  for (size_t at = 0; at < bytes; at += kChunk) {
    const size_t n = std::min(kChunk, bytes - at);
    Slot& slot = up_.slots[up_.next];
    up_.next = (up_.next + 1) % up_.slots.size();
    SUAN_CU(cuEventSynchronize(slot.done));
    std::memcpy(slot.memory, host + at, n);
    const auto turn = queue_->turn();
    SUAN_CU(cuMemcpyHtoDAsync(to + at, slot.memory, n, stream));
    SUAN_CU(cuEventRecord(slot.done, stream));
  }
}

// Earlier work may still use `to`. So the copy stream writes memory of its own, and the work stream
// moves it to its place in its turn.
void Transfers::send_beside(CUdeviceptr to, const char* host, size_t bytes) {
  const CUdeviceptr staging = queue_->allocate_staging(bytes);
  if (staging == 0) return send(to, host, bytes, queue_->work());
  send(staging, host, bytes, queue_->copies());
  const auto turn = queue_->turn();
  SUAN_CU(cuEventRecord(arrived_, queue_->copies()));
  SUAN_CU(cuStreamWaitEvent(queue_->work(), arrived_, CU_EVENT_WAIT_DEFAULT));
  SUAN_CU(cuMemcpyDtoDAsync(to, staging, bytes, queue_->work()));
  queue_->free_staging(staging, bytes);
}

void Transfers::upload(void* to, const void* host, size_t bytes) {
  if (bytes == 0) return;
  queue_->refuse_in_recording("an upload");
  if (bytes <= kSmall) {
    // The driver copies from pageable memory before it returns; the caller's may be pinned.
    const std::string pageable(static_cast<const char*>(host), bytes);
    const auto turn = queue_->turn();
    SUAN_CU(cuMemcpyHtoDAsync(address_of(to), pageable.data(), bytes, queue_->work()));
    return;
  }
  const std::lock_guard lock(up_.mutex);
  queue_->make_current();
  prepare(up_);
  const char* from = static_cast<const char*>(host);
  if (bytes <= kBeside) {
    send_beside(address_of(to), from, bytes);
  } else {
    send(address_of(to), from, bytes, queue_->work());
  }
}

void Transfers::download(void* host, const void* from, size_t bytes) {
  if (bytes == 0) return queue_->wait();
  queue_->refuse_in_recording("a download");
  {
    const std::lock_guard lock(down_.mutex);
    queue_->make_current();
    prepare(down_);
    const size_t chunks = (bytes + kChunk - 1) / kChunk, slots = down_.slots.size();
    const auto length = [&](size_t i) { return std::min(kChunk, bytes - i * kChunk); };
    const auto finish = [&](size_t i) {
      const Slot& slot = down_.slots[i % slots];
      SUAN_CU(cuEventSynchronize(slot.done));
      std::memcpy(static_cast<char*>(host) + i * kChunk, slot.memory, length(i));
    };
    for (size_t i = 0; i < chunks; ++i) {
      if (i >= slots) finish(i - slots);
      const Slot& slot = down_.slots[i % slots];
      const auto turn = queue_->turn();
      SUAN_CU(
          cuMemcpyDtoHAsync(slot.memory, address_of(from) + i * kChunk, length(i), queue_->work()));
      SUAN_CU(cuEventRecord(slot.done, queue_->work()));
    }
    for (size_t i = chunks - std::min(chunks, slots); i < chunks; ++i) finish(i);
  }
}

}  // namespace suan::cuda
