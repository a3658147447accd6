// The table of reference kernels. They take every dtype their op takes, in plain layout.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/reference/kernels.h"

#include <vector>

#include "suan/backend/reference/element.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

constexpr Kernel kTable[] = {
#define KERNEL(op, function) {Op::op, "reference_" #op, plain_why_not, plain<reference::function>},
#include "suan/backend/reference/kernel_list.inc"
#undef KERNEL
};

const char* target_why_not(const Node& node) {
  return takes(reference_backend(), node) ? nullptr : "no reference kernel takes it";
}
constexpr Target kTarget{.name = "reference", .why_not = target_why_not};

}  // namespace

const Backend& reference_backend() {
  static constexpr Backend backend{"reference", kTable, nullptr, &kTarget};
  return backend;
}

}  // namespace suan
