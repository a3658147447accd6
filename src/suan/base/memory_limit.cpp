// Counting bytes of blocks, and how much memory there is.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

#include "suan/base/error.h"

namespace suan {

struct MemoryLimit::Account {
  Account(size_t bytes, size_t before, std::string place)
      : most(bytes), taken(before), where(std::move(place)) {}
  const size_t most;
  std::atomic<size_t> taken;  // blocks may be freed by any thread
  const std::string where;
};

namespace {

thread_local MemoryLimit* in_force = nullptr;

// The line of /proc/self/cgroup is "0::/path" where control groups are of version 2. A limit holds
// for all groups below it.
size_t group_memory() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::/")) continue;
    size_t least = SIZE_MAX, bytes = 0;
    for (std::string path = line.substr(3); !path.empty(); path.resize(path.rfind('/'))) {
      std::ifstream file("/sys/fs/cgroup" + path + "/memory.max");
      if (file >> bytes) least = std::min(least, bytes);  // not "max"
    }
    return least;
  }
  return SIZE_MAX;
}

}  // namespace

size_t default_memory_limit() {
  static const size_t limit = [] {
    const auto pages = static_cast<size_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
    const size_t machine = pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    return std::min(machine ? machine : SIZE_MAX, group_memory()) / 8 * 7;
  }();
  return limit;
}

MemoryLimit::MemoryLimit(size_t bytes, size_t taken, std::string where)
    : account_(std::make_shared<Account>(bytes, taken, std::move(where))),
      outer_(std::exchange(in_force, this)) {}
MemoryLimit::~MemoryLimit() { in_force = outer_; }

MemoryCharge::MemoryCharge(size_t bytes) : bytes_(bytes) {
  if (!in_force) return;
  MemoryLimit::Account& account = *in_force->account_;
  const size_t before = account.taken.fetch_add(bytes);
  if (bytes > account.most || before > account.most - bytes) {
    account.taken -= bytes;
    fail(ErrorCode::kUnsupported, account.where,
         "{} bytes beside the {} that are taken are over the limit of {} bytes", bytes, before,
         account.most);
  }
  account_ = in_force->account_;
}
MemoryCharge::MemoryCharge(MemoryCharge&& other) noexcept
    : account_(std::move(other.account_)), bytes_(other.bytes_) {}
MemoryCharge& MemoryCharge::operator=(MemoryCharge&& other) noexcept {
  std::swap(account_, other.account_);
  std::swap(bytes_, other.bytes_);
  return *this;
}
MemoryCharge::~MemoryCharge() {
  if (account_) account_->taken -= bytes_;
}

}  // namespace suan
