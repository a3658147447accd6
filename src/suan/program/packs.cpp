// The table of packed constants of this process.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/packs.h"

#include <map>
#include <mutex>

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

PackPtr pack_of(const BufferPtr& constant, const std::string& form) {
  Packs& table = all();
  const std::lock_guard lock(table.mutex);
  std::erase_if(table.packs, [](const auto& entry) {
    return entry.second.use_count() == 1 && entry.second->packed.expired();
  });
  PackPtr& pack = table.packs[{constant.get(), form}];
  if (!pack) pack = std::make_shared<Pack>();
  return pack;
}

}  // namespace

BufferPtr packed_constant(const BufferPtr& constant, const Call& call, int input, size_t bytes) {
  const PackPtr pack = pack_of(constant, call.packed_form(input));
  const std::lock_guard lock(pack->mutex);
  BufferPtr packed = pack->packed.lock();
  if (packed && packed->bytes() == bytes && pack->constant.lock() == constant) return packed;
  packed = Buffer::allocate(bytes);
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
