// Bounds of a sparse matrix' indices.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/csr.h"

#include <fmt/core.h>

namespace suan {

bool check_csr(std::string_view op, std::span<const int64_t> offsets,
               std::span<const int64_t> columns, int64_t count, RunErrors& errors) {
  const auto most = static_cast<int64_t>(columns.size());
  for (size_t i = 0; i < offsets.size(); ++i) {
    const int64_t low = i + 1 == offsets.size() ? most : (i == 0 ? 0 : offsets[i - 1]);
    const int64_t high = i == 0 ? 0 : most;
    if (offsets[i] < low || offsets[i] > high) {
      errors.report(op, fmt::format("row offset {} at position {} is outside [{}, {}]", offsets[i],
                                    i, low, high));
      return false;
    }
  }
  for (size_t e = 0; e < columns.size(); ++e) {
    if (columns[e] < 0 || columns[e] >= count) {
      errors.report(
          op, fmt::format("column {} at position {} is outside [0, {})", columns[e], e, count));
      return false;
    }
  }
  return true;
}

bool check_csr(const Node& node, const KernelArgs& args, int64_t count) {
  const auto span = [&](int i) {
    const Operand& x = args.in[static_cast<size_t>(i)];
    return std::span<const int64_t>(x.as<int64_t>(), static_cast<size_t>(x.numel()));
  };
  return check_csr(node.op->name, span(0), span(1), count, args.errors);
}

}  // namespace suan
