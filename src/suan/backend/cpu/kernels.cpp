// The table of CPU kernels, best first for each op. What none of them takes goes to the reference loops.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/kernel.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

const char* target_why_not(const Node& node) {
  if (find_own_kernel(cpu_backend(), node)) return nullptr;
  if (!node.op->decompose && find_own_kernel(reference_backend(), node)) return nullptr;
  return "no cpu kernel takes it";
}
constexpr Target kTarget{.name = "cpu", .why_not = target_why_not};

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend{"cpu", {}, &reference_backend(), &kTarget};
  return backend;
}

}  // namespace suan
