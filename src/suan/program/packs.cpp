// The table of packed constants of this process.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/packs.h"

#include <map>
#include <mutex>

namespace suan {
namespace {

struct Pack {
  std::weak_ptr<Buffer> constant;  // while it lives its address is nobody else's
  std::weak_ptr<Buffer> packed;
};
struct Packs {
  std::mutex mutex;
  std::map<std::pair<const Buffer*, std::string>, Pack> packs;
};
Packs& all() {
  static auto* packs = new Packs;
  return *packs;
}

void drop_dead(Packs& table) {
  std::erase_if(table.packs, [](const auto& entry) { return entry.second.packed.expired(); });
}

}  // namespace

BufferPtr packed_constant(const BufferPtr& constant, const Call& call, int input, size_t bytes) {
  Packs& table = all();
  const std::lock_guard lock(table.mutex);
  std::string form = call.packed_form(input);
  Pack& pack = table.packs[{constant.get(), std::move(form)}];
  BufferPtr packed = pack.packed.lock();
  if (packed && packed->bytes() == bytes && pack.constant.lock() == constant) return packed;
  packed = Buffer::allocate(bytes);
  call.pack(input, Buffer::once(constant)->data(), packed->data());
  pack = {constant, packed};
  drop_dead(table);
  return packed;
}

void offer_pack(const PackedConstant& pack) {
  Packs& table = all();
  const std::lock_guard lock(table.mutex);
  table.packs[{pack.constant.get(), pack.form}] = {pack.constant, pack.packed};
}

}  // namespace suan
