// The enum of operations, generated from ops/op_list.inc.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

enum class Op : uint16_t {
#define OP(name) name,
#include "suan/ops/op_list.inc"
#undef OP
};

inline bool is(const Node& node, Op op) { return node.op->code == op; }

}  // namespace suan
