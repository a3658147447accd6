// Convolutions over 1, 2 or 3 spatial axes, and the two ops their gradients are made of.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// One entry per spatial axis; an empty list means the default (stride 1, padding 0, dilation 1).
struct ConvAttrs {
  std::vector<int64_t> stride;
  std::vector<int64_t> pad_begin;
  std::vector<int64_t> pad_end;
  std::vector<int64_t> dilation;
  int64_t groups = 1;
  std::vector<int64_t> size;  // conv_transpose: spatial output; conv_weight_gradient: kernel
  bool exact = false;         // operands keep their precision: sums of whole numbers stay exact
  bool tf32 = false;          // f32 operands may be rounded to TF32 (passes/precision.h)
  bool operator==(const ConvAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{
        Field{"stride", &ConvAttrs::stride},   Field{"pad_begin", &ConvAttrs::pad_begin},
        Field{"pad_end", &ConvAttrs::pad_end}, Field{"dilation", &ConvAttrs::dilation},
        Field{"groups", &ConvAttrs::groups},   Field{"size", &ConvAttrs::size},
        Field{"exact", &ConvAttrs::exact},     Field{"tf32", &ConvAttrs::tf32}};
  }
};

// Cross-correlation: y[n, o, p] = bias[o] + sum_{c, k} w[o, c, k] x[n, c, p stride + k dilation -
// pad]. x [n, c, spatial...], w [o, c / groups, kernel...], bias [o] or undefined.
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& bias = {}, ConvAttrs attrs = {});
// The adjoint of conv in x, that is, transposed convolution: x [n, o, ...], w [o, c / groups, ...]
// gives [n, c, attrs.size...]. An empty size means the smallest that fits.
Tensor conv_transpose(const Tensor& x, const Tensor& w, ConvAttrs attrs = {});
// The gradient of conv in w, for input x and output gradient g; attrs.size is the kernel's size.
Tensor conv_weight_gradient(const Tensor& x, const Tensor& g, ConvAttrs attrs);

// attrs with all defaults written out for this many spatial axes.
ConvAttrs complete(ConvAttrs attrs, int spatial, std::string_view op);

}  // namespace suan
