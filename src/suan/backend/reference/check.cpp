// Checks of data.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/ops/check_range.h"

namespace suan::reference {

void check_range(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<CheckRangeAttrs>();
  for (int64_t i = 0; i < args.in[0].numel(); ++i) {
    const auto value = load<int64_t>(args.in[0], i);
    if (value < a.low || value > a.high) {
      args.errors.report(
          where_of(node, a.where),
          fmt::format("{} {} at position {} is outside [{}, {}]", a.what, value, i, a.low, a.high));
      return;
    }
  }
  copy(node, args);
}

}  // namespace suan::reference
