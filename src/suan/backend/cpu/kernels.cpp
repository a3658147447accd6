// The table of CPU kernels, best first for each op. What none of them takes goes to the reference
// loops. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/fused.h"
#include "suan/backend/kernel.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

constexpr Kernel kTable[] = {
#define TILES(op) {Op::op, "cpu_tiles", cpu::fused_why_not, cpu::make_fused_call, true},
#define UNARY(name, ...) TILES(name)
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(name, ...) TILES(name)
#include "suan/ops/binary.table"
#undef BINARY
    TILES(select) TILES(cast) TILES(fused)
#undef TILES
};

const char* target_why_not(const Node& node) {
  if (find_own_kernel(cpu_backend(), node)) return nullptr;
  if (!node.op->decompose && find_own_kernel(reference_backend(), node)) return nullptr;
  return "no cpu kernel takes it";
}
constexpr Target kTarget{.name = "cpu", .why_not = target_why_not, .fuses = [](const Node& n) {
                           return !cpu::tile_why_not(n);
                         }};

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend{"cpu", kTable, &reference_backend(), &kTarget};
  return backend;
}

}  // namespace suan
