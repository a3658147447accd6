// The backend that computes nothing: it takes every op and gives zeros. Programs for it are planned
// and run like any other, so what they cost is Suan's own overhead, and their plan is the memory of
// a graph whose ops are neither fused nor decomposed. SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <vector>

#include "suan/backend/kernel.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

const char* always(const Node& /*node*/) { return nullptr; }

void give_zeros(const Node& /*node*/, const KernelArgs& args) {
  for (const Operand& out : args.out) {
    if (out.data) std::memset(out.data, 0, out.type.bytes());
  }
}

// One kernel for each op, leaves too, which no program ever asks for.
std::vector<Kernel> make_table() {
  std::vector<Kernel> table;
  for (const OpDef* op : all_ops()) {
    table.push_back({.op = op->code,
                     .name = "null",
                     .why_not = always,
                     .make = plain<give_zeros>,
                     .in_place = op->row != nullptr});
  }
  return table;
}

constexpr Target kTarget{.name = "null", .why_not = always};

}  // namespace

const Backend& null_backend() {
  static const std::vector<Kernel> table = make_table();
  static const Backend backend{"null", table, nullptr, &kTarget};
  return backend;
}

}  // namespace suan
