// The registry of cases, from ops/op_list.inc and function_list.inc.
// SPDX-License-Identifier: Apache-2.0
#include "tests/ops/op_cases.h"

namespace suan {

const std::vector<NamedCases>& all_cases() {
  static const std::vector<NamedCases> cases{
#define OP(name) {#name, find_op(#name), &cases_##name()},
#include "suan/ops/op_list.inc"
#undef OP
#define FUNCTION(name) {#name, nullptr, &cases_##name()},
#include "tests/ops/function_list.inc"
#undef FUNCTION
  };
  return cases;
}

}  // namespace suan
