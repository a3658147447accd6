// Matrix products and convolutions by their definitions, accumulated in f64.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/matmul.h"

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/base/small_types.h"
#include "suan/ops/conv.h"

namespace suan::reference {

void matmul(const Node& node, const KernelArgs& args) {
  const Operand &a = args.in[0], &b = args.in[1], &y = args.out[0];
  const bool ta = node.attr<MatmulAttrs>().transpose_a, tb = node.attr<MatmulAttrs>().transpose_b;
  const Shape sa = a.type.shape.strides(), sb = b.type.shape.strides();
  const int64_t inner = a.type.shape.at(ta ? -2 : -1);
  const int ra = sa.rank(), rb = sb.rank();
  Shape lead_a = a.type.shape, lead_b = b.type.shape;  // the two matrix axes do not broadcast
  lead_a[ra - 1] = lead_a[ra - 2] = lead_b[rb - 1] = lead_b[rb - 2] = 1;
  const bool whole = !is_float(y.type.dtype);
  for_each(y.type.shape, [&](const Shape& index, int64_t position) {
    const int64_t m = index.at(-2), n = index.at(-1);
    const int64_t at_a = broadcast_offset(index, lead_a, sa) + m * sa[ra - (ta ? 1 : 2)];
    const int64_t at_b = broadcast_offset(index, lead_b, sb) + n * sb[rb - (tb ? 2 : 1)];
    const int64_t step_a = sa[ra - (ta ? 2 : 1)], step_b = sb[rb - (tb ? 1 : 2)];
    double total = 0;
    uint64_t integer = 0;
    for (int64_t k = 0; k < inner; ++k) {
      const int64_t i = at_a + k * step_a, j = at_b + k * step_b;
      if (whole) {
        integer +=
            static_cast<uint64_t>(load<int64_t>(a, i)) * static_cast<uint64_t>(load<int64_t>(b, j));
      } else {
        total += load<double>(a, i) * load<double>(b, j);
      }
    }
    if (whole) {
      store(y, position, static_cast<int64_t>(integer));
    } else {
      store(y, position, total);
    }
  });
}

void scaled_matmul(const Node& /*node*/, const KernelArgs& args) {
  const Operand &a = args.in[0], &b = args.in[1], &y = args.out[0];
  const int64_t m = y.type.shape[0], n = y.type.shape[1], inner = a.type.shape[1];
  const double scale =
      static_cast<double>(*args.in[2].as<float>()) * static_cast<double>(*args.in[3].as<float>());
  const auto at = [](const Operand& x, int64_t i) {
    return static_cast<double>(decode_small(x.type.dtype, x.as<uint8_t>()[i]));
  };
  for (int64_t i = 0; i < m * n; ++i) {
    double total = 0;
    for (int64_t k = 0; k < inner; ++k)
      total += at(a, i / n * inner + k) * at(b, i % n * inner + k);
    store(y, i, scale * total);
  }
}

namespace {

// Visits every (input, weight, output) triple of a convolution: f(x offset, w offset, y offset).
template <class F>
void for_each_product(const ConvAttrs& a, const Shape& x, const Shape& w, const Shape& y, F&& f) {
  const Shape sx = x.strides(), sw = w.strides();
  const int64_t per_group = w[0] / a.groups;
  Shape window = w;  // [c / groups, kernel...]
  window.erase(0);
  for_each(y, [&](const Shape& at, int64_t position) {
    for_each(window, [&](const Shape& k, int64_t) {
      int64_t i = at[0] * sx[0] + (at[1] / per_group * w[1] + k[0]) * sx[1];
      int64_t j = at[1] * sw[0] + k[0] * sw[1];
      bool inside = true;
      for (int s = 2; s < x.rank(); ++s) {
        const auto d = static_cast<size_t>(s - 2);
        const int64_t p = at[s] * a.stride[d] + k[s - 1] * a.dilation[d] - a.pad_begin[d];
        inside = inside && p >= 0 && p < x[s];
        i += p * sx[s];
        j += k[s - 1] * sw[s];
      }
      if (inside) f(i, j, position);
    });
  });
}

void store_all(const Operand& y, const std::vector<double>& values) {
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, values[static_cast<size_t>(i)]);
}

}  // namespace

void conv(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &w = args.in[1], &y = args.out[0];
  std::vector<double> total(static_cast<size_t>(y.numel()), 0.0);
  if (args.in.size() > 2 && args.in[2].data) {
    for_each(y.type.shape, [&](const Shape& at, int64_t position) {
      total[static_cast<size_t>(position)] = load<double>(args.in[2], at[1]);
    });
  }
  for_each_product(node.attr<ConvAttrs>(), x.type.shape, w.type.shape, y.type.shape,
                   [&](int64_t i, int64_t j, int64_t k) {
                     total[static_cast<size_t>(k)] += load<double>(x, i) * load<double>(w, j);
                   });
  store_all(y, total);
}

void conv_transpose(const Node& node, const KernelArgs& args) {
  const Operand &g = args.in[0], &w = args.in[1], &x = args.out[0];
  std::vector<double> total(static_cast<size_t>(x.numel()), 0.0);
  for_each_product(node.attr<ConvAttrs>(), x.type.shape, w.type.shape, g.type.shape,
                   [&](int64_t i, int64_t j, int64_t k) {
                     total[static_cast<size_t>(i)] += load<double>(g, k) * load<double>(w, j);
                   });
  store_all(x, total);
}

void conv_weight_gradient(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &g = args.in[1], &w = args.out[0];
  std::vector<double> total(static_cast<size_t>(w.numel()), 0.0);
  for_each_product(node.attr<ConvAttrs>(), x.type.shape, w.type.shape, g.type.shape,
                   [&](int64_t i, int64_t j, int64_t k) {
                     total[static_cast<size_t>(j)] += load<double>(x, i) * load<double>(g, k);
                   });
  store_all(w, total);
}

}  // namespace suan::reference
