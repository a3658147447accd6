// CUPTI hands over buffers of records on a thread of its own. A record of work has the number of
// the call that sent it; another one says for which step that call was.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/cupti_timeline.h"

#include "suan/base/error.h"

#ifdef SUAN_CUPTI
#include <cupti.h>
#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "suan/base/log.h"
#endif

namespace suan::cuda {

#ifndef SUAN_CUPTI
std::unique_ptr<Timeline> open_timeline(std::shared_ptr<Queue> /*queue*/, CUdevice /*device*/,
                                        std::string& why_not) {
  why_not = "this build has no CUPTI";
  return nullptr;
}
#else
namespace {

// clang-format off
#define SUAN_CUPTI_FUNCTIONS(F) \
  F(cuptiGetResultString) F(cuptiActivityRegisterCallbacks) F(cuptiActivityEnable) \
  F(cuptiActivityDisable) F(cuptiActivityFlushAll) F(cuptiActivityGetNextRecord) \
  F(cuptiActivityGetNumDroppedRecords) F(cuptiActivityPushExternalCorrelationId) \
  F(cuptiActivityPopExternalCorrelationId)
// clang-format on

struct CuptiApi {
  SUAN_CUPTI_FUNCTIONS(SUAN_FUNCTION_FIELD)
  std::string why_not;
};

const CuptiApi& cupti() {
  static const CuptiApi& api = *[] {
    auto* made = new CuptiApi;
    CuptiApi& table = *made;
    table.why_not = open_library("libcupti.so.13", {SUAN_CUPTI_FUNCTIONS(SUAN_FUNCTION_SYMBOL)});
    return made;
  }();
  return api;
}

// Why not, or "".
std::string reason(CUptiResult result, std::string_view call) {
  if (result == CUPTI_SUCCESS) return {};
  const char* text = nullptr;
  if (cupti().cuptiGetResultString(result, &text) != CUPTI_SUCCESS || !text) text = "unknown";
  std::string why = fmt::format("{}: {} ({})", call, text, static_cast<int>(result));
  if (result == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES)
    why += ": it takes rights that this user lacks";
  return why;
}
void check_cupti(CUptiResult result, const char* call) {
  const std::string why = reason(result, name_of_call(call));
  if (!why.empty()) throw Error(ErrorCode::kSystem, "cuda", why);
}
#define SUAN_CUPTI_CALL(call) check_cupti(cupti().call, #call)

// Records of calls (of the driver and of the runtime within cuBLASLt and cuDNN) are those that
// correlations come with.
constexpr CUpti_ActivityKind kKinds[] = {CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION,
                                         CUPTI_ACTIVITY_KIND_DRIVER,
                                         CUPTI_ACTIVITY_KIND_RUNTIME,
                                         CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL,
                                         CUPTI_ACTIVITY_KIND_MEMCPY,
                                         CUPTI_ACTIVITY_KIND_MEMSET};
constexpr CUpti_ExternalCorrelationKind kExternal = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;

std::string name_of(const char* kernel) {
  if (!kernel) return "unknown";
  int status = 0;
  char* demangled = abi::__cxa_demangle(kernel, nullptr, nullptr, &status);
  std::string name(status == 0 ? demangled : kernel);
  std::free(demangled);
  return name;
}

const char* name_of(const CUpti_ActivityMemcpy6& copy) {
  switch (copy.copyKind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD:
      return "copy to the device";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH:
      return "copy to the host";
    default:
      return "copy";
  }
}

// What has been recorded and not been taken; filled by CUPTI's thread.
class Records {
 public:
  void add(const CUpti_Activity& record) {
    const std::lock_guard lock(mutex_);
    switch (record.kind) {
      case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: {
        const auto& kernel = reinterpret_cast<const CUpti_ActivityKernel10&>(record);
        add(kernel, Activity::kernel, name_of(kernel.name), 0);
        break;
      }
      case CUPTI_ACTIVITY_KIND_MEMCPY: {
        const auto& copy = reinterpret_cast<const CUpti_ActivityMemcpy6&>(record);
        add(copy, Activity::copy, name_of(copy), copy.bytes);
        break;
      }
      case CUPTI_ACTIVITY_KIND_MEMSET: {
        const auto& clear = reinterpret_cast<const CUpti_ActivityMemset4&>(record);
        add(clear, Activity::clear, "clear", clear.bytes);
        break;
      }
      case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION: {
        const auto& call = reinterpret_cast<const CUpti_ActivityExternalCorrelation&>(record);
        if (call.externalKind == kExternal) {
          steps_[call.correlationId] = static_cast<int>(call.externalId) - 1;
        }
        break;
      }
      default:
        break;
    }
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    works_.clear();
    steps_.clear();
    dropped_ = 0;
  }
  void drop(size_t count) {
    const std::lock_guard lock(mutex_);
    dropped_ += count;
  }
  // Of one device. A call's step may be told after the work that it sent.
  std::vector<Activity> take(CUdevice device) {
    const std::lock_guard lock(mutex_);
    if (dropped_ > 0) log(LogLevel::kWarning, "CUPTI lost {} records of the timeline", dropped_);
    dropped_ = 0;
    std::vector<Activity> taken;
    for (Work& work : std::exchange(works_, {})) {
      if (work.device != static_cast<uint32_t>(device)) continue;
      const auto step = steps_.find(work.call);
      if (step != steps_.end()) work.activity.step = step->second;
      taken.push_back(std::move(work.activity));
    }
    steps_.clear();
    std::stable_sort(taken.begin(), taken.end(),
                     [](const Activity& a, const Activity& b) { return a.begin < b.begin; });
    return taken;
  }

 private:
  struct Work {
    uint32_t device, call;
    Activity activity;
  };
  template <class Record>
  void add(const Record& r, Activity::Kind kind, const std::string& name, uint64_t bytes) {
    if (r.end == 0) {  // its time could not be had
      ++dropped_;
      return;
    }
    works_.push_back({r.deviceId,
                      r.correlationId,
                      {.kind = kind,
                       .name = name,
                       .begin = static_cast<int64_t>(r.start),
                       .end = static_cast<int64_t>(r.end),
                       .bytes = static_cast<int64_t>(bytes),
                       .queue = static_cast<int>(r.streamId)}});
  }

  std::mutex mutex_;
  std::vector<Work> works_;
  std::unordered_map<uint32_t, int> steps_;  // by the number of the call
  size_t dropped_ = 0;
};
// CUPTI's functions may come as long as the process lives.
Records& records() {
  static auto* made = new Records;
  return *made;
}

void give_buffer(uint8_t** buffer, size_t* bytes, size_t* most_records) {
  constexpr size_t kBytes = size_t{4} << 20;
  *buffer = static_cast<uint8_t*>(std::aligned_alloc(ACTIVITY_RECORD_ALIGNMENT, kBytes));
  *bytes = *buffer ? kBytes : 0;
  *most_records = 0;
}

void take_buffer(CUcontext /*context*/, uint32_t /*stream*/, uint8_t* buffer, size_t /*bytes*/,
                 size_t valid_bytes) {
  try {
    CUpti_Activity* record = nullptr;
    while (valid_bytes > 0 &&
           cupti().cuptiActivityGetNextRecord(buffer, valid_bytes, &record) == CUPTI_SUCCESS) {
      records().add(*record);
    }
  } catch (const std::exception&) {  // no memory; it must not reach CUPTI
    records().drop(1);
  }
  size_t dropped = 0;
  cupti().cuptiActivityGetNumDroppedRecords(nullptr, 0, &dropped);
  if (dropped > 0) records().drop(dropped);
  std::free(buffer);
}

class CuptiTimeline final : public Timeline {
 public:
  CuptiTimeline(std::shared_ptr<Queue> queue, CUdevice device)
      : queue_(std::move(queue)), device_(device) {
    if (in_use.exchange(true)) fail(ErrorCode::kSystem, "cuda", "CUPTI is in use");
    try {
      SUAN_CUPTI_CALL(cuptiActivityRegisterCallbacks(give_buffer, take_buffer));
      for (const CUpti_ActivityKind kind : kKinds) SUAN_CUPTI_CALL(cuptiActivityEnable(kind));
    } catch (...) {
      end();
      throw;
    }
  }
  ~CuptiTimeline() override {
    unmark();
    end();
  }
  CuptiTimeline(const CuptiTimeline&) = delete;
  CuptiTimeline& operator=(const CuptiTimeline&) = delete;

  void mark(int step) override {
    unmark();
    if (step < 0) return;
    const uint64_t id = static_cast<uint64_t>(step) + 1;
    SUAN_CUPTI_CALL(cuptiActivityPushExternalCorrelationId(kExternal, id));
    marked_ = true;
  }

  std::vector<Activity> take() override {
    queue_->wait();
    SUAN_CUPTI_CALL(cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED));
    return records().take(device_);
  }

 private:
  void unmark() noexcept {
    uint64_t id = 0;
    if (marked_) cupti().cuptiActivityPopExternalCorrelationId(kExternal, &id);
    marked_ = false;
  }
  void end() noexcept {
    for (const CUpti_ActivityKind kind : kKinds) cupti().cuptiActivityDisable(kind);
    cupti().cuptiActivityFlushAll(CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
    records().clear();
    in_use = false;
  }

  static inline std::atomic<bool> in_use = false;
  std::shared_ptr<Queue> queue_;
  CUdevice device_;
  bool marked_ = false;
};

}  // namespace

std::unique_ptr<Timeline> open_timeline(std::shared_ptr<Queue> queue, CUdevice device,
                                        std::string& why_not) {
  why_not = cupti().why_not;
  if (!why_not.empty()) return nullptr;
  try {
    return std::make_unique<CuptiTimeline>(std::move(queue), device);
  } catch (const Error& error) {
    why_not = std::string_view(error.what()).substr(error.where().size() + 2);
    return nullptr;
  }
}
#endif

}  // namespace suan::cuda
