// Elementwise ops, casts and fills: one formula per element, straight from the op's row.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/elementwise.h"

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/base/small_types.h"
#include "suan/ops/leaf.h"

namespace suan::reference {
namespace {

template <class C>
using Formula = C (*)(const C*);
Formula<double> formula(const ElementwiseRow& row, double) { return row.f64; }
Formula<float> formula(const ElementwiseRow& row, float) { return row.f32; }
Formula<int64_t> formula(const ElementwiseRow& row, int64_t) { return row.i64; }
Formula<uint64_t> formula(const ElementwiseRow& row, uint64_t) { return row.u64; }

}  // namespace

void full(const Node& node, const KernelArgs& args) {
  const double value = node.attr<FullAttrs>().value;
  const Operand& y = args.out[0];
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, value);
}

void elementwise(const Node& node, const KernelArgs& args) {
  const Operand& y = args.out[0];
  const DType dtype = args.in[args.in.size() - 1].type.dtype;
  visit_compute(dtype, [&](auto tag) {
    using C = typename decltype(tag)::type;
    const Formula<C> f = formula(*node.op->row, C());
    Shape strides[3];
    for (size_t i = 0; i < args.in.size(); ++i) strides[i] = args.in[i].type.shape.strides();
    for_each(y.type.shape, [&](const Shape& index, int64_t position) {
      C values[3] = {};
      for (size_t i = 0; i < args.in.size(); ++i) {
        const Operand& x = args.in[i];
        values[i] = load<C>(x, broadcast_offset(index, x.type.shape, strides[i]));
      }
      store(y, position, f(values));
    });
  });
}

namespace {

// Any element as a number.
double read_number(const Operand& x, int64_t i) {
  if (is_small_float(x.type.dtype)) return decode_small(x.type.dtype, x.as<uint8_t>()[i]);
  return load<double>(x, i);
}

// Small integers wrap, as C's do.
int wrapped(DType dtype, int64_t value) {
  const auto [low, high] = small_range(dtype);
  const int64_t count = high - low + 1;
  const int64_t rest = ((value - low) % count + count) % count;
  return static_cast<int>(low + rest);
}

void cast_small(const KernelArgs& args, bool saturate) {
  const Operand &x = args.in[0], &y = args.out[0];
  const DType to = y.type.dtype;
  for (int64_t i = 0; i < y.numel(); ++i) {
    const double value = read_number(x, i);
    if (is_small_float(to)) {
      y.as<uint8_t>()[i] = encode_small(to, static_cast<float>(value), saturate);
    } else if (is_small_integer(to)) {
      y.as<int8_t>()[i] = static_cast<int8_t>(wrapped(to, to_integer<int64_t>(value)));
    } else if (is_integer(to)) {
      visit(to, [&](auto tag) {
        using T = typename decltype(tag)::type;
        if constexpr (std::is_integral_v<T>) y.as<T>()[i] = to_integer<T>(value);
      });
    } else {
      store(y, i, value);
    }
  }
}

}  // namespace

void cast(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  if (!is_arithmetic(x.type.dtype) || !is_arithmetic(y.type.dtype)) {
    cast_small(args, node.attr<CastAttrs>().saturate);
    return;
  }
  const bool saturate = is_float(x.type.dtype) && is_integer(y.type.dtype);
  const bool whole = !is_float(x.type.dtype);
  for (int64_t i = 0; i < y.numel(); ++i) {
    if (saturate) {
      visit(y.type.dtype, [&](auto tag) {
        using T = typename decltype(tag)::type;
        if constexpr (std::is_integral_v<T>) y.as<T>()[i] = to_integer<T>(load<double>(x, i));
      });
    } else if (x.type.dtype == DType::u64) {
      store(y, i, load<uint64_t>(x, i));
    } else if (whole) {
      store(y, i, load<int64_t>(x, i));
    } else if (x.type.dtype == DType::f64) {
      store(y, i, load<double>(x, i));
    } else {
      store(y, i, load<float>(x, i));
    }
  }
}

}  // namespace suan::reference
