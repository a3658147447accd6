// Streams, memory and recordings. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/queue.h"

#include <algorithm>
#include <utility>

#include "suan/base/error.h"

namespace suan::cuda {
namespace {

constexpr size_t kStaged = size_t{256} << 20;  // bytes of uploads under way

class GraphRecording final : public Recording {
 public:
  GraphRecording(std::shared_ptr<const Queue> queue, CUgraphExec graph)
      : queue_(std::move(queue)), graph_(graph) {}
  ~GraphRecording() override {
    queue_->make_current();
    cuda_api().cuGraphExecDestroy(graph_);  // one that still runs goes when it has ended
  }
  void play() const override {
    const auto turn = queue_->turn();
    SUAN_CU(cuGraphLaunch(graph_, queue_->work()));
  }

 private:
  std::shared_ptr<const Queue> queue_;
  CUgraphExec graph_;
};

}  // namespace

Queue::Queue(CUdevice device, Memory memory) : device_(device), memory_(memory) {
  SUAN_CU(cuDevicePrimaryCtxRetain(&context_, device));
  try {
    make_current();
    SUAN_CU(cuStreamCreate(&work_, CU_STREAM_NON_BLOCKING));
    SUAN_CU(cuStreamCreate(&copies_, CU_STREAM_NON_BLOCKING));
    SUAN_CU(cuEventCreate(&begin_, CU_EVENT_DEFAULT));
    SUAN_CU(cuEventCreate(&end_, CU_EVENT_DEFAULT));
    pool_ = make_pool(false);
    staging_pool_ = make_pool(true);
  } catch (...) {
    release();
    throw;
  }
}

Queue::~Queue() { release(); }

void Queue::release() noexcept {
  if (process_ends()) return;
  const CudaApi& api = cuda_api();
  api.cuCtxSetCurrent(context_);
  if (work_) api.cuStreamSynchronize(work_);
  if (copies_) api.cuStreamSynchronize(copies_);
  for (CUevent event : idle_events_) api.cuEventDestroy(event);
  for (const Staged& staged : staged_) api.cuEventDestroy(staged.freed);
  if (begin_) api.cuEventDestroy(begin_);
  if (end_) api.cuEventDestroy(end_);
  if (staging_pool_) api.cuMemPoolDestroy(staging_pool_);
  if (pool_) api.cuMemPoolDestroy(pool_);
  if (copies_) api.cuStreamDestroy(copies_);
  if (work_) api.cuStreamDestroy(work_);
  api.cuCtxSetCurrent(nullptr);
  api.cuDevicePrimaryCtxRelease(device_);
}

CUmemoryPool Queue::make_pool(bool for_staging) const {
  CUmemPoolProps props = {};
  props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  props.handleTypes = CU_MEM_HANDLE_TYPE_NONE;
  props.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  props.location.id = device_;
  CUmemoryPool pool = nullptr;
  SUAN_CU(cuMemPoolCreate(&pool, &props));
  cuuint64_t keep = UINT64_MAX;  // what is freed stays ours
  SUAN_CU(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep));
  if (for_staging) {  // rather more memory than a copy that waits for work
    int no = 0;
    SUAN_CU(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES, &no));
  }
  if (memory_ == Memory::peer) let_others_reach(pool);
  return pool;
}

void Queue::let_others_reach(CUmemoryPool pool) const {
  int count = 0;
  SUAN_CU(cuDeviceGetCount(&count));
  for (int i = 0; i < count; ++i) {
    CUdevice other = 0;
    int can = 0;
    SUAN_CU(cuDeviceGet(&other, i));
    if (other == device_) continue;
    SUAN_CU(cuDeviceCanAccessPeer(&can, other, device_));
    if (!can) continue;
    CUmemAccessDesc access = {};
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.location.id = other;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    SUAN_CU(cuMemPoolSetAccess(pool, &access, 1));
  }
}

bool Queue::reaches(const Queue& other) const {
  if (memory_ != Memory::peer || other.memory_ != Memory::peer) return false;
  int can = 0;
  SUAN_CU(cuDeviceCanAccessPeer(&can, device_, other.device_));
  return can != 0;
}

// No two turns are held at once: two GPUs may copy from each other.
void Queue::follow(Queue& other) {
  CUevent event = nullptr;
  {
    const Turn lock = other.turn();
    event = other.take_event();
    SUAN_CU(cuEventRecord(event, other.work_));
  }
  {
    const Turn lock = turn();
    SUAN_CU(cuStreamWaitEvent(work_, event, CU_EVENT_WAIT_DEFAULT));
  }
  other.give_event(event);
}

bool Queue::copy_from(Queue& other, CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  if (!reaches(other)) return false;
  refuse_in_recording("a copy from another GPU");
  follow(other);
  {
    const Turn lock = turn();
    SUAN_CU(cuMemcpyPeerAsync(to, context_, from, other.context_, bytes, work_));
  }
  other.follow(*this);  // the block may be freed there
  return true;
}

Queue::Turn Queue::turn() const {
  Turn turn(mutex_);
  make_current();
  return turn;
}

void Queue::make_current() const { cuda_api().cuCtxSetCurrent(context_); }

void Queue::refuse_in_recording(const char* what) const {
  const Turn turn(mutex_);  // another thread's recording ends first
  if (recording_) {
    fail(ErrorCode::kUnsupported, "cuda", "{} is not possible while work is recorded", what);
  }
}

CUresult Queue::try_allocate(size_t bytes, CUdeviceptr& p) {
  if (memory_ == Memory::managed) {
    return cuda_api().cuMemAllocManaged(&p, bytes, CU_MEM_ATTACH_GLOBAL);
  }
  return cuda_api().cuMemAllocFromPoolAsync(&p, bytes, pool_, work_);
}

CUdeviceptr Queue::allocate(size_t bytes) {
  refuse_in_recording("allocating");
  const Turn lock = turn();
  const size_t rounded = std::max<size_t>(aligned(bytes), kBlockAlign);
  CUdeviceptr p = 0;
  CUresult result = try_allocate(rounded, p);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {  // what was freed may lie in pieces, or in staging
    trim();
    result = try_allocate(rounded, p);
  }
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    size_t free = 0, total = 0;
    SUAN_CU(cuMemGetInfo(&free, &total));
    throw OutOfDeviceMemory("cuda", bytes, free, total);
  }
  check_cuda(result, "cuMemAllocFromPoolAsync");
  return p;
}

void Queue::trim() noexcept {
  const Turn lock = turn();
  const CudaApi& api = cuda_api();
  if (api.cuStreamSynchronize(work_) != CUDA_SUCCESS) return;  // the next wait says why
  api.cuMemPoolTrimTo(pool_, 0);
  api.cuMemPoolTrimTo(staging_pool_, 0);
}

CUdeviceptr Queue::allocate_staging(size_t bytes) {
  const Turn lock = turn();
  while (!staged_.empty() && staged_bytes_ + bytes > kStaged) {
    const Staged oldest = staged_.front();
    SUAN_CU(cuEventSynchronize(oldest.freed));
    idle_events_.push_back(oldest.freed);
    staged_bytes_ -= oldest.bytes;
    staged_.pop_front();
  }
  CUdeviceptr p = 0;
  const CUresult result = cuda_api().cuMemAllocFromPoolAsync(&p, bytes, staging_pool_, copies_);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) return 0;
  check_cuda(result, "cuMemAllocFromPoolAsync");
  return p;
}

void Queue::free_staging(CUdeviceptr p, size_t bytes) {
  const Turn lock = turn();
  SUAN_CU(cuMemFreeAsync(p, work_));
  CUevent freed = take_event();
  SUAN_CU(cuEventRecord(freed, work_));
  staged_.push_back({freed, bytes});
  staged_bytes_ += bytes;
}

void Queue::free(CUdeviceptr p) noexcept {
  const Turn lock = turn();
  if (recording_) {  // it would be recorded
    freed_in_recording_.push_back(p);
  } else if (memory_ == Memory::managed) {
    cuda_api().cuStreamSynchronize(work_);
    cuda_api().cuMemFree(p);
  } else {
    cuda_api().cuMemFreeAsync(p, work_);
  }
}

CUevent Queue::take_event() {
  CUevent event = nullptr;
  if (idle_events_.empty()) {
    SUAN_CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  } else {
    event = idle_events_.back();
    idle_events_.pop_back();
  }
  return event;
}

void Queue::give_event(CUevent event) {
  const Turn lock = turn();
  idle_events_.push_back(event);
}

void Queue::wait() {
  refuse_in_recording("waiting");
  CUevent event = nullptr;
  {
    const Turn lock = turn();
    event = take_event();
    idle_events_.reserve(idle_events_.size() + 1);
    const CUresult recorded = cuda_api().cuEventRecord(event, work_);
    if (recorded != CUDA_SUCCESS) idle_events_.push_back(event);
    check_cuda(recorded, "cuEventRecord");
  }
  const CUresult result = cuda_api().cuEventSynchronize(event);  // others send work meanwhile
  give_event(event);
  check_cuda(result, "cuEventSynchronize");
}

// Other threads may call what they like meanwhile: the mode is this thread's.
CUgraph Queue::capture(const std::function<void()>& work) {
  SUAN_CU(cuStreamBeginCapture(work_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CUgraph graph = nullptr;
  recording_ = true;
  try {
    work();
  } catch (...) {
    recording_ = false;
    if (cuda_api().cuStreamEndCapture(work_, &graph) == CUDA_SUCCESS && graph) {
      cuda_api().cuGraphDestroy(graph);
    }
    throw;
  }
  recording_ = false;
  SUAN_CU(cuStreamEndCapture(work_, &graph));
  return graph;
}

std::unique_ptr<Recording> Queue::record(const std::function<void()>& work) {
  refuse_in_recording("recording");
  const Turn lock = turn();
  const auto free_late = [this] {
    for (const CUdeviceptr p : std::exchange(freed_in_recording_, {})) free(p);
  };
  CUgraph graph = nullptr;
  try {
    graph = capture(work);
  } catch (...) {
    free_late();
    throw;
  }
  free_late();
  CUgraphExec exec = nullptr;
  const CUresult result = cuda_api().cuGraphInstantiate(&exec, graph, 0);
  cuda_api().cuGraphDestroy(graph);
  check_cuda(result, "cuGraphInstantiate");
  auto recording = std::make_unique<GraphRecording>(shared_from_this(), exec);
  SUAN_CU(cuGraphUpload(exec, work_));  // else the first play does it
  return recording;
}

double Queue::seconds_of(const std::function<void()>& work) {
  refuse_in_recording("measuring");
  const Turn lock = turn();
  SUAN_CU(cuEventRecord(begin_, work_));
  work();
  SUAN_CU(cuEventRecord(end_, work_));
  SUAN_CU(cuEventSynchronize(end_));
  float milliseconds = 0;
  SUAN_CU(cuEventElapsedTime(&milliseconds, begin_, end_));
  return static_cast<double>(milliseconds) / 1e3;
}

}  // namespace suan::cuda
