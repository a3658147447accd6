// Reductions, and the softmax family over one axis.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/reduce.h"

#include <fmt/core.h>

#include <cmath>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/softmax.h"

namespace suan::reference {
namespace {

// Folds x over the node's axes: accumulators start at `start` and take f(accumulator, element).
template <class C, class F>
void reduce(const Node& node, const KernelArgs& args, C start, F&& f) {
  const Operand &x = args.in[0], &y = args.out[0];
  const Shape kept = reduced_shape(x.type.shape, {node.attr<ReduceAttrs>().axes, true});
  const Shape strides = kept.strides();
  std::vector<C> total(static_cast<size_t>(y.numel()), start);
  for_each(x.type.shape, [&](const Shape& index, int64_t position) {
    C& slot = total[static_cast<size_t>(broadcast_offset(index, kept, strides))];
    slot = f(slot, load<C>(x, position));
  });
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, total[static_cast<size_t>(i)]);
}

template <bool kLog>
void softmax_lines(const Node& node, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  for_each_line(x.type.shape, node.attr<AxisAttrs>().axis,
                [&](int64_t first, int64_t stride, int64_t n) {
                  double top = -INFINITY;
                  for (int64_t i = 0; i < n; ++i) {
                    top = std::max(top, load<double>(x, first + i * stride));
                  }
                  double total = 0;
                  for (int64_t i = 0; i < n; ++i) {
                    total += std::exp(load<double>(x, first + i * stride) - top);
                  }
                  for (int64_t i = 0; i < n; ++i) {
                    const double shifted = load<double>(x, first + i * stride) - top;
                    store(y, first + i * stride,
                          kLog ? shifted - std::log(total) : std::exp(shifted) / total);
                  }
                });
}

}  // namespace

void sum(const Node& node, const KernelArgs& args) {
  if (is_float(args.in[0].type.dtype)) {
    reduce(node, args, 0.0, [](double a, double b) { return a + b; });
  } else {
    reduce(node, args, int64_t{0}, [](int64_t a, int64_t b) {
      return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    });
  }
}

void max(const Node& node, const KernelArgs& args) {
  if (is_float(args.in[0].type.dtype)) {
    reduce(node, args, -static_cast<double>(INFINITY),
           [](double a, double b) { return b > a || b != b ? b : a; });
  } else {
    reduce(node, args, INT64_MIN, [](int64_t a, int64_t b) { return b > a ? b : a; });
  }
}

void min(const Node& node, const KernelArgs& args) {
  if (is_float(args.in[0].type.dtype)) {
    reduce(node, args, static_cast<double>(INFINITY),
           [](double a, double b) { return b < a || b != b ? b : a; });
  } else {
    reduce(node, args, INT64_MAX, [](int64_t a, int64_t b) { return b < a ? b : a; });
  }
}

void prod(const Node& node, const KernelArgs& args) {
  if (is_float(args.in[0].type.dtype)) {
    reduce(node, args, 1.0, [](double a, double b) { return a * b; });
  } else {
    reduce(node, args, int64_t{1}, [](int64_t a, int64_t b) {
      return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    });
  }
}

void softmax(const Node& node, const KernelArgs& args) { softmax_lines<false>(node, args); }
void log_softmax(const Node& node, const KernelArgs& args) { softmax_lines<true>(node, args); }

void cross_entropy(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<CrossEntropyAttrs>();
  const Operand &x = args.in[0], &labels = args.in[1];
  const int64_t rows = labels.numel();
  const int64_t classes = x.type.shape.back();
  int64_t counted = 0;
  for (int64_t r = 0; r < rows; ++r) counted += load<int64_t>(labels, r) != a.ignore_index;
  double loss = 0;
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t label = load<int64_t>(labels, r);
    const bool ignored = label == a.ignore_index;
    if (!ignored && (label < 0 || label >= classes)) {
      args.errors.report("cross_entropy",
                         fmt::format("label {} at row {} is outside [0, {})", label, r, classes));
      return;
    }
    double top = -INFINITY;
    for (int64_t k = 0; k < classes; ++k) top = std::max(top, load<double>(x, r * classes + k));
    double total = 0;
    for (int64_t k = 0; k < classes; ++k) total += std::exp(load<double>(x, r * classes + k) - top);
    for (int64_t k = 0; k < classes; ++k) {
      const double log_p = load<double>(x, r * classes + k) - top - std::log(total);
      const double share = a.label_smoothing / static_cast<double>(classes);
      const double target = share + (k == label ? 1 - a.label_smoothing : 0.0);
      if (!ignored) loss -= target * log_p;
      if (args.out[1].data) {
        const double slope =
            ignored ? 0.0 : (std::exp(log_p) - target) / static_cast<double>(counted);
        store(args.out[1], r * classes + k, slope);
      }
    }
  }
  if (args.out[0].data) store(args.out[0], 0, loss / static_cast<double>(counted));
}

}  // namespace suan::reference
