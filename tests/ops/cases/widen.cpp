// Cases of widen.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/widen.h"

#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_widen() {
  static const OpCases cases{
      .cases = {{"alone", {real({2, 3})}, [](const Tensors& x) { return widen(x[0]); }},
                {"among others",
                 {real({2, 3})},
                 [](const Tensors& x) { return exp(widen(tanh(x[0]))) * widen(x[0]); }}},
      .bad = {{[] { widen(zeros({2}, DType::i32)); }, "widen: got i32, expected a float"}},
  };
  return cases;
}

}  // namespace suan
