// Device: what a backend has whose kernels work on memory of their own, in a queue that runs beside
// the host. Programs know it by this interface alone. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "suan/base/buffer.h"
#include "suan/base/error.h"

namespace suan {

struct Node;

using DeviceBlockPtr = std::shared_ptr<DeviceBlock>;

// Work that was recorded once and is sent to the queue as a whole (a CUDA graph).
class Recording {
 public:
  virtual ~Recording() = default;
  virtual void play() const = 0;
};

// A fault that a kernel on a device found in the data it was given; the first one counts. Lies in
// shared memory (Device::allocate_shared), zeros at first.
struct Fault {
  enum Kind : int32_t {
    index,   // numbers: index, position, first and last + 1 that are allowed
    label,   // numbers: label, row, how many classes there are
    range,   // of check_range: value, position, lowest and highest that are allowed
    offset,  // of a sparse matrix: row offset, position, lowest and highest that are allowed
    column,  // of a sparse matrix: column, position, how many there are
  };
  int32_t taken;  // 1: the rest is there
  int32_t step;   // of the program
  int32_t kind;
  int32_t unused;
  int64_t numbers[4];
};
// What a run says of a fault that a kernel of this node found.
Error error_of(const Fault& fault, const Node& node);

// Of Device::allocate.
class OutOfDeviceMemory : public Error {
 public:
  OutOfDeviceMemory(std::string_view where, size_t bytes, size_t free, size_t total);
  const size_t bytes, free, total;  // what was asked for, what there is
};

// Something that a device did.
struct Activity {
  enum Kind : uint8_t { kernel, copy, clear };
  Kind kind = kernel;
  std::string name;            // of the kernel; "copy to the device"
  int step = -1;               // of the program for which it was sent; -1: none
  int64_t begin = 0, end = 0;  // nanoseconds of the device's clock
  int64_t bytes = 0;           // of a copy or clear
  int queue = 0;               // activities of one queue do not overlap
};

// What a device does while this lives.
class Timeline {
 public:
  virtual ~Timeline() = default;
  // What this thread sends from now on is for this step; -1: for none.
  virtual void mark(int step) = 0;
  // Waits, and gives what was done since it was asked last, by its beginning.
  virtual std::vector<Activity> take() = 0;
};

// All work goes to one queue, in order, and what it fails with is kept until somebody waits: then
// Error(kSystem) is thrown. Addresses are the device's, unless they are called the host's.
class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;  // "cuda:0 (NVIDIA H100)"

  // Not initialised. Throws OutOfDeviceMemory.
  virtual DeviceBlockPtr allocate(size_t bytes) = 0;
  // Host memory that both can reach; what the device writes is seen after a wait.
  virtual BufferPtr allocate_shared(size_t bytes) = 0;

  // The host's memory may be changed again at once. Runs beside earlier work where it can.
  virtual void upload(void* to, const void* host, size_t bytes) = 0;
  virtual void download(void* host, const void* from, size_t bytes) = 0;  // and waits
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void clear(void* to, size_t bytes) = 0;  // to zeros
  // The same from another device, after that one's work so far. False: it cannot reach there.
  virtual bool copy_from(const DeviceBlock& other, void* to, size_t bytes);

  virtual void wait() = 0;  // until the queue is empty

  // What `work` sends to the queue is recorded instead of run. It may not wait or allocate.
  virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;
  virtual double seconds_of(const std::function<void()>& work) = 0;  // on the device
  // Null, with the reason in one line, where it does not tell what it does.
  virtual std::unique_ptr<Timeline> timeline(std::string& why_not);

  // Held by whoever sends work that belongs together.
  std::recursive_mutex mutex;
};

}  // namespace suan
