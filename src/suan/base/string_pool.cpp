// Interning of strings.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/string_pool.h"

#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "suan/base/error.h"

namespace suan {
namespace {

constexpr size_t kMostBytes = size_t{1} << 30;

struct Pool {
  std::mutex mutex;
  std::deque<std::string> texts{""};  // never moves its elements
  std::unordered_map<std::string_view, uint64_t> ids{{"", 0}};
  size_t bytes = 0;
};
Pool& pool() {
  static auto* pool = new Pool;  // outlives every tensor
  return *pool;
}

}  // namespace

StringId intern(std::string_view text) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  const auto found = p.ids.find(text);
  if (found != p.ids.end()) return {found->second};
  p.bytes += text.size() + sizeof(std::string);
  if (p.bytes > kMostBytes) fail(ErrorCode::kSystem, "strings", "there is over 1 GiB of texts");
  p.texts.emplace_back(text);
  const uint64_t id = p.texts.size() - 1;
  p.ids.emplace(p.texts.back(), id);
  return {id};
}

std::string_view text_of(StringId id) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  return id.id < p.texts.size() ? std::string_view(p.texts[id.id]) : std::string_view();
}

}  // namespace suan
