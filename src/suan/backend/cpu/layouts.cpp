// Layout preferences by op: convolutions, pooling and batch norm work on blocks of 16 channels,
// fused loops and reductions take whatever their data has, all else is plain.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/layouts.h"

#include <algorithm>

#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/fused.h"
#include "suan/backend/cpu/tail.h"
#include "suan/backend/follow_data.h"
#include "suan/backend/quantized_region.h"
#include "suan/ops/op.h"
#include "suan/ops/reduce.h"

namespace suan::cpu {
namespace {

Layout blocked(const Shape& shape) {
  return layout_fits(shape, Layout::blocked16) && has_avx512() ? Layout::blocked16 : Layout::plain;
}

// The layout of a convolution's data. Blocks of 16 channels where all are whole; where some are
// not, channels last, and so from there on, since each change of layout costs a pass over the data.
Layout conv_layout(const Shape& x, const Shape& y, Layout current) {
  constexpr int64_t kFew = 4;  // of an image: oneDNN takes them plain
  const auto whole = [](int64_t channels) { return channels % 16 == 0; };
  if (!has_avx512() || x.rank() < 3 || x.rank() > 5) return Layout::plain;
  const bool ragged = !whole(y[1]) || (x[1] > kFew && !whole(x[1]));
  return ragged || current == Layout::channels_last ? Layout::channels_last : Layout::blocked16;
}

bool reduces_all_space(const Node& node) {
  const auto& axes = node.attr<ReduceAttrs>().axes;
  for (int i = 2; i < node.inputs[0].rank(); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) return false;
  }
  return true;
}

}  // namespace

void choose_layouts(const Node& node, NodeLayouts& layouts) {
  const auto data = [&](std::initializer_list<size_t> inputs, bool result) {
    for (size_t i : inputs) layouts.inputs[i] = blocked(node.inputs[i].shape());
    if (result) layouts.outputs[0] = blocked(node.types[0].shape);
  };
  const bool float_data = !node.inputs.empty() &&
                          (node.types[0].dtype == DType::f32 || node.types[0].dtype == DType::bf16);
  // Data from an image stays as it is where the layout wants whole blocks.
  const auto convolve = [&](size_t x, int residual) {
    const Shape &from = node.inputs[x].shape(), &to = node.types[0].shape;
    const Layout layout = conv_layout(from, to, layouts.current[x]);
    layouts.inputs[x] = layout_fits(from, layout) ? layout : Layout::plain;
    layouts.outputs[0] = layout;
    if (residual >= 0) layouts.inputs[static_cast<size_t>(residual)] = layout;
  };
  Tail tail;
  QuantizedRegion quantized;
  if (!read_quantized(node, quantized)) {
    if (is(*quantized.product, Op::conv)) {
      layouts.inputs[static_cast<size_t>(quantized.x.operand)] = Layout::channels_last;
      layouts.outputs[0] = Layout::channels_last;
      for (const QuantizedRegion::Link& link : quantized.links) {
        const int other = std::max(link.operand, link.quantized.operand);
        const bool whole = other >= 0 && link.other->type() == quantized.product->types[0];
        if (whole) layouts.inputs[static_cast<size_t>(other)] = Layout::channels_last;
      }
    }
  } else if (is(node, Op::quantize) || is(node, Op::dequantize)) {
    const bool one = node.inputs[1].shape().numel() == 1;
    if (one) layouts.inputs[0] = layouts.outputs[0] = layouts.current[0];
  } else if (is(node, Op::fused) && !read_tail(node, Op::conv, tail)) {
    if (float_data) convolve(static_cast<size_t>(tail.inputs[0]), tail.residual);
  } else if (is(node, Op::fused) && !read_tail(node, Op::matmul, tail)) {
    return;
  } else if (is(node, Op::conv) && is(node.inputs[1].node(), Op::constant)) {
    if (float_data) convolve(0, -1);
  } else if (is(node, Op::conv) || is(node, Op::conv_transpose)) {
    if (float_data) data({0}, true);
  } else if (is(node, Op::conv_weight_gradient)) {
    if (float_data) data({0, 1}, false);
  } else if (is(node, Op::max_pool) &&
             (node.types[0].dtype == DType::i8 || node.types[0].dtype == DType::u8)) {
    layouts.inputs[0] = layouts.outputs[0] = Layout::channels_last;
  } else if (is(node, Op::max_pool) || is(node, Op::max_pool_gradient)) {
    if (!float_data || node.inputs[0].rank() != 4) return;
    data({0}, true);
    if (is(node, Op::max_pool_gradient)) data({1}, false);
  } else if (is(node, Op::batch_norm) || is(node, Op::batch_norm_gradient)) {
    if (!float_data) return;
    data({0}, true);
    if (is(node, Op::batch_norm_gradient)) data({1}, false);
  } else if (is(node, Op::avg_pool) || is(node, Op::avg_pool_gradient)) {
    // As fast in either layout, so not worth a reorder.
    const bool blocked_now = layouts.current[0] == Layout::blocked16;
    if (float_data && blocked_now && node.inputs[0].rank() <= 4) data({0}, true);
  } else if (is(node, Op::sum) || is(node, Op::max)) {
    if (layouts.current[0] != Layout::plain && reduces_all_space(node)) {
      layouts.inputs[0] = layouts.current[0];
    }
  } else if (is(node, Op::fused) || !tile_why_not(node)) {  // the reference loops know no layouts
    layouts.inputs = layouts.current;
    follow_data(node, layouts);
  }
}

}  // namespace suan::cpu
