// The registry of cases, from ops/op_list.inc.
// SPDX-License-Identifier: Apache-2.0
#include "tests/ops/op_cases.h"

namespace suan {

const std::vector<NamedCases>& all_cases() {
  static const std::vector<NamedCases> cases{
#define OP(name) {find_op(#name), &cases_##name()},
#include "suan/ops/op_list.inc"
#undef OP
  };
  return cases;
}

}  // namespace suan
