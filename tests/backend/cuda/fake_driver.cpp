// A libcuda.so.1 for tests on machines without a GPU: streams are threads, GPU memory is the
// host's. Work runs late and after a pause, so that what is not ordered goes wrong; whatever
// touches memory that is not there at that moment, or does in a recording what it may not, fails as
// CUDA would.
// SPDX-License-Identifier: Apache-2.0
#include <cuda.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "suan/backend/cuda/kernels/fill_params.h"
#include "tests/backend/cuda/fake_cupti.h"

namespace {

using Task = std::function<void()>;

int setting(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value ? std::atoi(value) : otherwise;
}

std::atomic<CUresult> fault{CUDA_SUCCESS};  // of work, found by any later call
thread_local bool recording_here = false;

// Live memory: begin to end.
class Blocks {
 public:
  void* add(size_t bytes) {
    void* p = std::malloc(bytes);
    std::memset(p, 0xcd, bytes);
    const std::lock_guard lock(mutex_);
    blocks_[static_cast<char*>(p)] = bytes;
    used_ += bytes;
    return p;
  }
  void remove(void* p) {
    const std::lock_guard lock(mutex_);
    const auto it = blocks_.find(static_cast<char*>(p));
    if (it == blocks_.end()) {
      fault = CUDA_ERROR_ILLEGAL_ADDRESS;
      return;
    }
    used_ -= it->second;
    std::memset(p, 0xdd, it->second);
    blocks_.erase(it);
    std::free(p);
  }
  bool holds(const void* p, size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto it = blocks_.upper_bound(const_cast<char*>(static_cast<const char*>(p)));
    if (it == blocks_.begin()) return false;
    --it;
    return static_cast<const char*>(p) + bytes <= it->first + it->second;
  }
  size_t used() const { return used_; }

 private:
  std::mutex mutex_;
  std::map<char*, size_t> blocks_;
  std::atomic<size_t> used_{0};
};
// Outlive the threads of streams, which may still be running when the process ends.
Blocks &device_memory = *new Blocks, &pinned_memory = *new Blocks;
size_t memory_size() { return static_cast<size_t>(setting("FAKE_CUDA_MEMORY_MB", 512)) << 20; }

bool is_there(const void* p, size_t bytes) {
  return device_memory.holds(p, bytes) || pinned_memory.holds(p, bytes);
}

}  // namespace

struct CUgraph_st {
  std::vector<Task> tasks;
};
struct CUgraphExec_st {
  std::vector<Task> tasks;
};
struct CUevent_st {
  std::mutex mutex;
  std::condition_variable changed;
  int recorded = 0, reached = 0;  // how often
  std::chrono::steady_clock::time_point when;
};
struct CUstream_st {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Task> tasks;
  bool busy = false, ends = false;
  CUgraph capture = nullptr;
  std::thread thread{[this] { work(); }};

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return ends || !tasks.empty(); });
      if (tasks.empty()) return;
      const Task task = std::move(tasks.front());
      tasks.pop_front();
      busy = true;
      lock.unlock();
      task();
      lock.lock();
      busy = false;
      changed.notify_all();
    }
  }
  CUresult send(Task task) {
    if (fault != CUDA_SUCCESS) return fault;
    const std::lock_guard lock(mutex);
    if (capture) {
      capture->tasks.push_back(std::move(task));
    } else {
      tasks.push_back(std::move(task));
      changed.notify_all();
    }
    return CUDA_SUCCESS;
  }
  void drain() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return tasks.empty() && !busy; });
  }
};
struct CUfunc_st {
  std::string name;
};

namespace {

void linger() { std::this_thread::sleep_for(std::chrono::microseconds(300)); }

CUresult copy(CUstream stream, void* to, const void* from, size_t bytes) {
  return stream->send(fake_cupti::traced({CUPTI_ACTIVITY_KIND_MEMCPY, "", bytes}, [=] {
    linger();
    if (!is_there(to, bytes) || !is_there(from, bytes)) {
      fault = CUDA_ERROR_ILLEGAL_ADDRESS;
    } else {
      std::memcpy(to, from, bytes);
    }
  }));
}

CUresult unsafe() {  // what a recording thread may not call
  return recording_here ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : fault.load();
}

void* pointer(CUdeviceptr p) { return reinterpret_cast<void*>(p); }

}  // namespace

extern "C" {

CUresult cuInit(unsigned) {
  return setting("FAKE_CUDA_DEVICES", 1) > 0 ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}
CUresult cuDriverGetVersion(int* version) {
  *version = setting("FAKE_CUDA_VERSION", CUDA_VERSION);
  return CUDA_SUCCESS;
}
// NVRTC asks the driver that it finds in its process for one, and reads its size whatever the
// answer.
CUresult cuGetExportTable(const void** table, const CUuuid* /*id*/) {
  static const size_t nothing[8] = {};
  *table = nothing;
  return CUDA_ERROR_NOT_FOUND;
}
CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = error == CUDA_ERROR_ILLEGAL_ADDRESS ? "an illegal memory access was encountered"
                                              : "some error";
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetCount(int* count) {
  *count = setting("FAKE_CUDA_DEVICES", 1);
  return CUDA_SUCCESS;
}
CUresult cuDeviceGet(CUdevice* device, int index) {
  *device = index;
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char* name, int size, CUdevice) {
  std::strncpy(name, "Fake GPU", static_cast<size_t>(size) - 1);
  return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem(size_t* bytes, CUdevice) {
  *bytes = memory_size();
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute which, CUdevice) {
  const int architecture = setting("FAKE_CUDA_ARCHITECTURE", 90);
  switch (which) {
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
      *value = architecture / 10;
      break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
      *value = architecture % 10;
      break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
      *value = 132;
      break;
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
      *value = 227 << 10;
      break;
    default:
      *value = 1;
  }
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetPCIBusId(char* id, int size, CUdevice) {
  std::strncpy(id, "0000:1B:00.0", static_cast<size_t>(size));
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
  *context = reinterpret_cast<CUcontext>(8);
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) { return CUDA_SUCCESS; }
CUresult cuCtxSetCurrent(CUcontext) { return CUDA_SUCCESS; }
CUresult cuMemGetInfo(size_t* free, size_t* total) {
  *total = memory_size();
  *free = *total - device_memory.used();
  return CUDA_SUCCESS;
}

CUresult cuStreamCreate(CUstream* stream, unsigned) {
  *stream = new CUstream_st;
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy(CUstream stream) {
  {
    const std::lock_guard lock(stream->mutex);
    stream->ends = true;
    stream->changed.notify_all();
  }
  stream->thread.join();
  delete stream;
  return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream stream) {
  if (recording_here) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  stream->drain();
  return fault;
}
CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode) {
  if (mode != CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(stream->mutex);
  if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  stream->capture = new CUgraph_st;
  recording_here = true;
  return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  const std::lock_guard lock(stream->mutex);
  *graph = std::exchange(stream->capture, nullptr);
  recording_here = false;
  return CUDA_SUCCESS;
}
CUresult cuGraphInstantiate(CUgraphExec* exec, CUgraph graph, unsigned long long) {
  *exec = new CUgraphExec_st{graph->tasks};
  return CUDA_SUCCESS;
}
CUresult cuGraphUpload(CUgraphExec, CUstream) { return unsafe(); }
CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  return stream->send([tasks = exec->tasks] {
    for (const Task& task : tasks) task();
  });
}
CUresult cuGraphExecDestroy(CUgraphExec exec) {
  delete exec;
  return CUDA_SUCCESS;
}
CUresult cuGraphDestroy(CUgraph graph) {
  delete graph;
  return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent* event, unsigned) {
  *event = new CUevent_st;
  return CUDA_SUCCESS;
}
CUresult cuEventDestroy(CUevent) { return CUDA_SUCCESS; }  // work may still have it: never freed
CUresult cuEventRecord(CUevent event, CUstream stream) {
  if (stream->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;  // not needed so far
  int number = 0;
  {
    const std::lock_guard lock(event->mutex);
    number = ++event->recorded;
  }
  return stream->send([=] {
    const std::lock_guard lock(event->mutex);
    event->reached = number;
    event->when = std::chrono::steady_clock::now();
    event->changed.notify_all();
  });
}
CUresult cuEventSynchronize(CUevent event) {
  if (recording_here) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  std::unique_lock lock(event->mutex);
  event->changed.wait(lock, [&] { return event->reached >= event->recorded; });
  return fault;
}
CUresult cuEventElapsedTime(float* milliseconds, CUevent begin, CUevent end) {
  *milliseconds = std::chrono::duration<float, std::milli>(end->when - begin->when).count();
  return CUDA_SUCCESS;
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  int number = 0;
  {
    const std::lock_guard lock(event->mutex);
    number = event->recorded;
  }
  return stream->send([=] {
    std::unique_lock lock(event->mutex);
    event->changed.wait(lock, [&] { return event->reached >= number; });
  });
}

CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* props) {
  if (props->allocType != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  *pool = reinterpret_cast<CUmemoryPool>(8);
  return CUDA_SUCCESS;
}
CUresult cuMemPoolDestroy(CUmemoryPool) { return CUDA_SUCCESS; }
CUresult cuMemPoolSetAttribute(CUmemoryPool, CUmemPool_attribute, void*) { return CUDA_SUCCESS; }
CUresult cuMemPoolSetAccess(CUmemoryPool, const CUmemAccessDesc*, size_t) { return CUDA_SUCCESS; }
CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
  *can = device != peer;
  return CUDA_SUCCESS;
}
CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes,
                           CUstream stream) {
  return copy(stream, pointer(to), pointer(from), bytes);
}
CUresult cuMemPoolTrimTo(CUmemoryPool, size_t) { return unsafe(); }
CUresult cuMemAllocFromPoolAsync(CUdeviceptr* p, size_t bytes, CUmemoryPool, CUstream) {
  if (unsafe() != CUDA_SUCCESS) return unsafe();
  if (device_memory.used() + bytes > memory_size()) return CUDA_ERROR_OUT_OF_MEMORY;
  *p = reinterpret_cast<CUdeviceptr>(device_memory.add(bytes));
  return CUDA_SUCCESS;
}
CUresult cuMemFreeAsync(CUdeviceptr p, CUstream stream) {
  if (stream->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  return stream->send([=] { device_memory.remove(pointer(p)); });
}
CUresult cuMemAllocManaged(CUdeviceptr* p, size_t bytes, unsigned) {
  return cuMemAllocFromPoolAsync(p, bytes, nullptr, nullptr);
}
CUresult cuMemFree(CUdeviceptr p) {
  device_memory.remove(pointer(p));
  return unsafe();
}
CUresult cuMemHostAlloc(void** p, size_t bytes, unsigned) {
  if (unsafe() != CUDA_SUCCESS) return unsafe();
  *p = pinned_memory.add(bytes);
  return CUDA_SUCCESS;
}
CUresult cuMemFreeHost(void* p) {
  pinned_memory.remove(p);
  return unsafe();
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  if (pinned_memory.holds(from, bytes)) return copy(stream, pointer(to), from, bytes);
  if (bytes > 64 << 10) return CUDA_ERROR_INVALID_VALUE;  // CUDA would; then it is slow
  const std::string aside(static_cast<const char*>(from), bytes);
  return stream->send(fake_cupti::traced({CUPTI_ACTIVITY_KIND_MEMCPY, "", bytes}, [=] {
    linger();
    if (!is_there(pointer(to), bytes)) fault = CUDA_ERROR_ILLEGAL_ADDRESS;
    if (fault == CUDA_SUCCESS) std::memcpy(pointer(to), aside.data(), bytes);
  }));
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(stream, to, pointer(from), bytes);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(stream, pointer(to), pointer(from), bytes);
}
CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(stream, pointer(to), pointer(from), bytes);
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream stream) {
  return stream->send(fake_cupti::traced({CUPTI_ACTIVITY_KIND_MEMSET, "", bytes}, [=] {
    linger();
    if (!is_there(pointer(to), bytes)) fault = CUDA_ERROR_ILLEGAL_ADDRESS;
    if (fault == CUDA_SUCCESS) std::memset(pointer(to), value, bytes);
  }));
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  if (unsafe() != CUDA_SUCCESS) return unsafe();
  uint32_t magic = 0;
  std::memcpy(&magic, image, sizeof(magic));
  *module = reinterpret_cast<CUmodule>(8);
  const bool known = magic == 0xba55ed50 || magic == 0x464c457f;  // a fat binary, an ELF file
  return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_IMAGE;
}
CUresult cuModuleUnload(CUmodule) { return CUDA_SUCCESS; }
CUresult cuModuleGetFunction(CUfunction* function, CUmodule, const char* name) {
  if (std::strcmp(name, "fill_b4") != 0 && std::strcmp(name, "generated") != 0) {
    return CUDA_ERROR_NOT_FOUND;
  }
  *function = new CUfunc_st{name};
  return CUDA_SUCCESS;
}
CUresult cuFuncLoad(CUfunction) { return unsafe(); }
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute, CUfunction) {
  *value = 0;
  return CUDA_SUCCESS;
}
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute, int value) {
  return value > 227 << 10 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
CUresult cuFuncGetParamInfo(CUfunction, size_t, size_t* offset, size_t* bytes) {
  *offset = 0;
  *bytes = sizeof(FillParams);
  return CUDA_SUCCESS;
}
CUresult cuLaunchKernel(CUfunction function, unsigned, unsigned, unsigned, unsigned, unsigned,
                        unsigned, unsigned, CUstream stream, void** params, void**) {
  const FillParams p = *static_cast<const FillParams*>(params[0]);
  const fake_cupti::Work work{CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL, function->name.c_str(), 0};
  return stream->send(fake_cupti::traced(work, [=] {
    linger();
    const size_t bytes = static_cast<size_t>(p.n) * 4;
    if (!is_there(p.y, bytes)) fault = CUDA_ERROR_ILLEGAL_ADDRESS;
    for (int64_t i = 0; fault == CUDA_SUCCESS && i < p.n; ++i) {
      static_cast<uint32_t*>(p.y)[i] = static_cast<uint32_t>(p.bits);
    }
  }));
}
}
