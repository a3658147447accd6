// A libcupti.so.13 for fake_driver.cpp, in the same library. Buffers are filled late, and handed
// over on a thread of its own. SPDX-License-Identifier: Apache-2.0
#include "tests/backend/cuda/fake_cupti.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

std::mutex mutex;
std::vector<std::string>& pending = *new std::vector<std::string>;  // the bytes of records
std::set<int>& enabled = *new std::set<int>;
std::atomic<uint32_t> calls = 0;
thread_local std::vector<uint64_t> external;
CUpti_BuffersCallbackRequestFunc request = nullptr;
CUpti_BuffersCallbackCompleteFunc complete = nullptr;

uint64_t now() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

// If records of `kind`, with which it comes, are wanted.
template <class Record>
void add(const Record& record, CUpti_ActivityKind kind) {
  const std::lock_guard lock(mutex);
  if (!enabled.contains(record.kind) || !enabled.contains(kind)) return;
  pending.emplace_back(reinterpret_cast<const char*>(&record), sizeof(record));
}

uint32_t begin_call() {
  CUpti_ActivityExternalCorrelation record = {};
  record.kind = CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION;
  record.externalKind = CUPTI_EXTERNAL_CORRELATION_KIND_CUSTOM0;
  record.correlationId = ++calls;
  if (!external.empty()) {
    record.externalId = external.back();
    add(record, CUPTI_ACTIVITY_KIND_DRIVER);
  }
  CUpti_ActivityAPI call = {};
  call.kind = CUPTI_ACTIVITY_KIND_DRIVER;
  call.correlationId = record.correlationId;
  add(call, call.kind);
  return record.correlationId;
}

template <class Record>
void add_work(Record record, const fake_cupti::Work& work, uint32_t call, uint64_t begin) {
  record.kind = work.kind;
  record.correlationId = call;
  record.streamId = 7;
  record.start = begin;
  record.end = now();
  add(record, work.kind);
}

size_t size_of(CUpti_ActivityKind kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL:
      return sizeof(CUpti_ActivityKernel10);
    case CUPTI_ACTIVITY_KIND_MEMCPY:
      return sizeof(CUpti_ActivityMemcpy6);
    case CUPTI_ACTIVITY_KIND_MEMSET:
      return sizeof(CUpti_ActivityMemset4);
    case CUPTI_ACTIVITY_KIND_EXTERNAL_CORRELATION:
      return sizeof(CUpti_ActivityExternalCorrelation);
    default:
      return sizeof(CUpti_ActivityAPI);
  }
}

void hand_over(const std::vector<std::string>& records) {
  uint8_t* buffer = nullptr;
  size_t bytes = 0, most = 0, used = 0;
  request(&buffer, &bytes, &most);
  for (const std::string& record : records) {
    if (used + record.size() > bytes) std::abort();
    std::copy(record.begin(), record.end(), buffer + used);
    used += record.size();
  }
  complete(nullptr, 0, buffer, bytes, used);
}

}  // namespace

namespace fake_cupti {

std::function<void()> traced(const Work& work, std::function<void()> task) {
  const uint32_t call = begin_call();
  return [=, task = std::move(task)] {
    const uint64_t begin = now();
    task();
    if (work.kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL) {
      CUpti_ActivityKernel10 record = {};
      record.name = work.kernel;
      add_work(record, work, call, begin);
    } else if (work.kind == CUPTI_ACTIVITY_KIND_MEMCPY) {
      CUpti_ActivityMemcpy6 record = {};
      record.bytes = work.bytes;
      add_work(record, work, call, begin);
    } else {
      CUpti_ActivityMemset4 record = {};
      record.bytes = work.bytes;
      add_work(record, work, call, begin);
    }
  };
}

}  // namespace fake_cupti

extern "C" {

CUptiResult cuptiGetResultString(CUptiResult result, const char** text) {
  *text = result == CUPTI_ERROR_INSUFFICIENT_PRIVILEGES ? "CUPTI_ERROR_INSUFFICIENT_PRIVILEGES"
                                                        : "some error";
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityRegisterCallbacks(CUpti_BuffersCallbackRequestFunc on_request,
                                           CUpti_BuffersCallbackCompleteFunc on_complete) {
  request = on_request;
  complete = on_complete;
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityEnable(CUpti_ActivityKind kind) {
  if (std::getenv("FAKE_CUPTI_REFUSES")) return CUPTI_ERROR_INSUFFICIENT_PRIVILEGES;
  const std::lock_guard lock(mutex);
  enabled.insert(kind);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityDisable(CUpti_ActivityKind kind) {
  const std::lock_guard lock(mutex);
  enabled.erase(kind);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityFlushAll(uint32_t /*flag*/) {
  std::vector<std::string> records;
  {
    const std::lock_guard lock(mutex);
    records.swap(pending);
  }
  if (!records.empty()) std::thread([&] { hand_over(records); }).join();
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityGetNextRecord(uint8_t* buffer, size_t bytes, CUpti_Activity** record) {
  uint8_t* next = buffer;
  if (*record) next = reinterpret_cast<uint8_t*>(*record) + size_of((*record)->kind);
  if (next >= buffer + bytes) return CUPTI_ERROR_MAX_LIMIT_REACHED;
  *record = reinterpret_cast<CUpti_Activity*>(next);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityGetNumDroppedRecords(CUcontext, uint32_t, size_t* dropped) {
  const char* number = std::getenv("FAKE_CUPTI_DROPPED");
  *dropped = number ? std::strtoul(number, nullptr, 10) : 0;
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityPushExternalCorrelationId(CUpti_ExternalCorrelationKind, uint64_t id) {
  external.push_back(id);
  return CUPTI_SUCCESS;
}
CUptiResult cuptiActivityPopExternalCorrelationId(CUpti_ExternalCorrelationKind, uint64_t* last) {
  if (external.empty()) return CUPTI_ERROR_QUEUE_EMPTY;
  if (last) *last = external.back();
  external.pop_back();
  return CUPTI_SUCCESS;
}
}
