// Convolutions and transposed convolutions.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/formats/onnx/internal/window.h"
#include "suan/ops/conv.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"

namespace suan::onnx {
namespace {

std::span<const int64_t> kernel_of(const NodeView& n, const Tensor& x, const Tensor& w) {
  if (x.rank() < 3 || w.rank() != x.rank()) {
    n.fail("got {} and weights {}, expected both with the same spatial axes", to_string(x.shape()),
           to_string(w.shape()));
  }
  if (x.rank() > 5) n.fail("got {}, expected at most 3 spatial axes", to_string(x.shape()));
  return {w.shape().begin() + 2, w.shape().end()};
}

Outputs conv_rule(const NodeView& n) {
  const Tensor &x = n.in(0), &w = n.in(1), bias = n.optional(2);
  const Window window = padded_window(n, x.shape(), kernel_of(n, x, w));
  const Tensor y = conv(widened(x), widened(w), bias ? widened(bias) : bias,
                        {.stride = window.stride,
                         .pad_begin = window.begin,
                         .pad_end = window.end,
                         .dilation = window.dilation,
                         .groups = n.i("group", 1)});
  return {cast(y, x.dtype())};
}

// The spatial sizes of the result, and in `window` what is cut off at either side to get there: a
// negative number where zeros are added.
std::vector<int64_t> transposed_sizes(const NodeView& n, const Shape& x, Window& window) {
  const AutoPad mode = auto_pad_of(n);
  const size_t axes = window.axes();
  std::vector<int64_t> extra = n.ints("output_padding"), sizes = n.ints("output_shape");
  if (extra.empty()) extra.assign(axes, 0);
  if (sizes.size() == axes + 2) sizes.erase(sizes.begin(), sizes.begin() + 2);
  if (extra.size() != axes || (!sizes.empty() && sizes.size() != axes)) {
    n.fail("got {} output_padding and {} output_shape entries, expected {}", extra.size(),
           sizes.size(), axes);
  }
  const bool given = !sizes.empty();
  sizes.resize(axes);
  for (size_t i = 0; i < axes; ++i) {
    constexpr int64_t kMost = int64_t{1} << 31;
    if (extra[i] < 0 || extra[i] > kMost) n.fail("output_padding has {}", extra[i]);
    const int64_t input = x[static_cast<int>(i) + 2];
    const int64_t all = (input - 1) * window.stride[i] + window.extent(i) + extra[i];
    if (mode == AutoPad::valid) share_padding(window, i, 0, true);
    if (given || mode == AutoPad::same_upper || mode == AutoPad::same_lower) {
      if (!given) sizes[i] = input * window.stride[i];
      if (sizes[i] < 1 || sizes[i] > kMost) n.fail("output_shape has {}", sizes[i]);
      share_padding(window, i, all - sizes[i], mode == AutoPad::same_upper);
    } else {
      sizes[i] = all - window.begin[i] - window.end[i];
    }
    if (sizes[i] < 1) n.fail("nothing is left of {} along spatial axis {}", to_string(x), i);
  }
  return sizes;
}

Outputs conv_transpose_rule(const NodeView& n) {
  const Tensor &x = n.in(0), &w = n.in(1), bias = n.optional(2);
  Window window = read_window(n, x.shape(), kernel_of(n, x, w));
  const std::vector<int64_t> sizes = transposed_sizes(n, x.shape(), window);
  ConvAttrs attrs{.stride = window.stride, .dilation = window.dilation, .groups = n.i("group", 1)};
  std::vector<int64_t> before(2), after(2);  // zeros around what is computed
  for (size_t i = 0; i < sizes.size(); ++i) {
    // Computed elements lie in [0, all), those wanted in [begin, begin + size).
    const int64_t all =
        (x.shape()[static_cast<int>(i) + 2] - 1) * window.stride[i] + window.extent(i);
    const int64_t from = std::max<int64_t>(window.begin[i], 0);
    const int64_t to = std::min(window.begin[i] + sizes[i], all);
    if (from >= to) n.fail("the padding leaves nothing along spatial axis {}", i);
    attrs.pad_begin.push_back(from);
    attrs.pad_end.push_back(all - to);
    attrs.size.push_back(to - from);
    before.push_back(from - window.begin[i]);
    after.push_back(sizes[i] - (to - from) - before.back());
  }
  Tensor y = conv_transpose(widened(x), widened(w), std::move(attrs));
  const auto is_zero = [](int64_t v) { return v == 0; };
  if (!std::ranges::all_of(before, is_zero) || !std::ranges::all_of(after, is_zero)) {
    y = pad(y, before, after);
  }
  if (bias) {
    Shape column = Shape::filled(x.rank() - 1, 1);
    column[0] = y.shape()[1];
    y = y + reshape(widened(bias), column);
  }
  return {cast(y, x.dtype())};
}

constexpr OperatorRule kRules[] = {
    {"Conv", conv_rule},
    {"ConvTranspose", conv_transpose_rule},
};

}  // namespace

std::span<const OperatorRule> convolution_rules() { return kRules; }

}  // namespace suan::onnx
