// A limit on the memory of blocks (base/buffer): what a thread allocates while one is in force
// counts towards it until it is freed, whoever holds it by then. Models of strangers run under one.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>
#include <string>

namespace suan {

// Seven eighths of the memory of this machine, or of the control group (v2) that the process is in.
size_t default_memory_limit();

// In force for this thread while it lives; one within another takes its place meanwhile.
class MemoryLimit {
 public:
  // `taken`: bytes that count from the start; `where` begins the message about what goes beyond.
  explicit MemoryLimit(size_t bytes, size_t taken = 0, std::string where = "memory");
  ~MemoryLimit();
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  friend class MemoryCharge;
  struct Account;
  const std::shared_ptr<Account> account_;
  MemoryLimit* const outer_;
};

// Bytes counted towards this thread's limit for as long as this lives. Throws Error(kUnsupported)
// where they go beyond it.
class MemoryCharge {
 public:
  MemoryCharge() = default;
  explicit MemoryCharge(size_t bytes);
  MemoryCharge(MemoryCharge&& other) noexcept;
  MemoryCharge& operator=(MemoryCharge&& other) noexcept;
  ~MemoryCharge();

 private:
  std::shared_ptr<MemoryLimit::Account> account_;
  size_t bytes_ = 0;
};

}  // namespace suan
