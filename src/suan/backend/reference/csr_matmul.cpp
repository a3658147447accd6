// Sparse products.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/csr_matmul.h"

#include "suan/backend/csr.h"
#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"

namespace suan::reference {
namespace {

// Calls f(e, row, column) for every stored element in order.
template <class F>
void for_each_place(const KernelArgs& args, F&& f) {
  const auto *offsets = args.in[0].as<int64_t>(), *columns = args.in[1].as<int64_t>();
  for (int64_t i = 0; i + 1 < args.in[0].numel(); ++i) {
    for (int64_t e = offsets[i]; e < offsets[i + 1]; ++e) f(e, i, columns[e]);
  }
}

}  // namespace

void csr_matmul(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<CsrAttrs>();
  const Operand &dense = args.in[2], &y = args.out[0];
  if (!check_csr(node, args, a.transpose ? a.columns : dense.type.shape[0])) return;
  const int64_t n = dense.type.shape[1];
  std::vector<double> total(static_cast<size_t>(y.numel()), 0.0);
  for_each_place(args, [&](int64_t e, int64_t row, int64_t column) {
    const double value = args.in.size() > 3 ? load<double>(args.in[3], e) : 1.0;
    const int64_t from = a.transpose ? row : column, to = a.transpose ? column : row;
    for (int64_t j = 0; j < n; ++j) {
      total[static_cast<size_t>(to * n + j)] += value * load<double>(dense, from * n + j);
    }
  });
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, total[static_cast<size_t>(i)]);
}

void csr_dot(const Node& node, const KernelArgs& args) {
  const Operand &a = args.in[2], &b = args.in[3];
  if (!check_csr(node, args, b.type.shape[0])) return;
  const int64_t n = a.type.shape[1];
  for_each_place(args, [&](int64_t e, int64_t row, int64_t column) {
    double total = 0;
    for (int64_t j = 0; j < n; ++j) {
      total += load<double>(a, row * n + j) * load<double>(b, column * n + j);
    }
    store(args.out[0], e, total);
  });
}

}  // namespace suan::reference
