// The table of packed constants of this process.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/packs.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "suan/base/file.h"

namespace suan {
namespace {

struct Pack {
  std::mutex mutex;                // held while it is made
  std::weak_ptr<Buffer> constant;  // while it lives its address is nobody else's
  std::weak_ptr<Buffer> packed;
};
using PackPtr = std::shared_ptr<Pack>;
struct Packs {
  std::mutex mutex;  // held for looking up alone
  std::map<std::pair<const Buffer*, std::string>, PackPtr> packs;
};
Packs& all() {
  static auto* packs = new Packs;
  return *packs;
}

// Packs lie one after another in large blocks on huge pages: products stream through all of them,
// and most are smaller than such a page. What goes gives its small pages back at once.
BufferPtr allocate_pack(size_t bytes) {
  constexpr size_t kSlab = size_t{32} << 20;
  static std::mutex mutex;
  static BufferPtr slab;
  static size_t used = 0;
  if (bytes > kSlab / 2) return Buffer::allocate(bytes);
  auto charge = std::make_shared<MemoryCharge>(bytes);
  const std::lock_guard lock(mutex);
  if (!slab || bytes > kSlab - used) {
    const MemoryLimit none(SIZE_MAX);  // others take of it too
    slab = Buffer::allocate(kSlab);
    used = 0;
  }
  char* at = slab->as<char>() + used;
  used = std::min(kSlab, aligned(used + bytes));
  return Buffer::borrow(at, bytes, [owner = slab, charge, at, bytes] { drop_pages({at, bytes}); });
}

PackPtr pack_of(const BufferPtr& constant, const std::string& form) {
  Packs& table = all();
  const std::lock_guard lock(table.mutex);
  const std::pair key(static_cast<const Buffer*>(constant.get()), form);
  const auto known = table.packs.find(key);
  if (known != table.packs.end()) return known->second;
  std::erase_if(table.packs, [](const auto& entry) {
    return entry.second.use_count() == 1 && entry.second->packed.expired();
  });
  return table.packs.emplace(key, std::make_shared<Pack>()).first->second;
}

}  // namespace

BufferPtr packed_constant(const BufferPtr& constant, const Call& call, int input, size_t bytes) {
  const PackPtr pack = pack_of(constant, call.packed_form(input));
  const std::lock_guard lock(pack->mutex);
  BufferPtr packed = pack->packed.lock();
  if (packed && packed->bytes() == bytes && pack->constant.lock() == constant) return packed;
  packed = allocate_pack(bytes);
  call.pack(input, Buffer::once(constant)->data(), packed->data());
  pack->constant = constant;
  pack->packed = packed;
  return packed;
}

void offer_pack(const PackedConstant& offered) {
  const PackPtr pack = pack_of(offered.constant, offered.form);
  const std::lock_guard lock(pack->mutex);
  pack->constant = offered.constant;
  pack->packed = offered.packed;
}

}  // namespace suan
