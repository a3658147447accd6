// Convolution layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/conv.h"

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/shape_ops.h"

namespace suan::nn {
namespace {

void check_channels(std::string_view layer, int64_t in, int64_t out, int64_t groups) {
  if (in < 1 || out < 1) {
    fail(layer, "got {} input and {} output channels, expected 1 or more", in, out);
  }
  if (groups < 1 || in % groups != 0 || out % groups != 0) {
    fail(layer, "{} groups do not divide {} input and {} output channels", groups, in, out);
  }
}

template <int kAxes>
Shape weight_shape(int64_t first, int64_t second, const Sizes<kAxes>& kernel) {
  Shape shape{first, second};
  for (const int64_t k : kernel) shape.push_back(k);
  return shape;
}

}  // namespace

template <int kAxes>
Conv<kAxes>::Conv(int64_t in, int64_t out, ConvOptions<kAxes> options) {
  constexpr std::string_view kNames[] = {"Conv1d", "Conv2d", "Conv3d"};
  check_channels(kNames[kAxes - 1], in, out, options.groups);
  weight = parameter("weight", weight_shape(out, in / options.groups, options.kernel));
  if (options.bias) bias = parameter("bias", {out});
  init::linear_default(weight, bias);
  attrs_.stride = options.stride.list();
  attrs_.pad_begin = attrs_.pad_end = options.padding.list();
  attrs_.dilation = options.dilation.list();
  attrs_.groups = options.groups;
  outputs_per_group_ = out / options.groups;
}

template <int kAxes>
Tensor Conv<kAxes>::operator()(const Tensor& x) const {
  ConvAttrs attrs = attrs_;
  if (attrs.groups > 1) attrs.groups = weight->type().shape[0] / outputs_per_group_;
  const Tensor shift = bias ? bias->read() : Tensor();
  if (factor) return conv(conv(x, weight->read(), {}, attrs), factor->read(), shift);
  return conv(x, weight->read(), shift, attrs);
}

template struct Conv<1>;
template struct Conv<2>;
template struct Conv<3>;

namespace {
constexpr std::string_view kTransposedNames[] = {"ConvTranspose1d", "ConvTranspose2d",
                                                 "ConvTranspose3d"};
}  // namespace

template <int kAxes>
ConvTranspose<kAxes>::ConvTranspose(int64_t in, int64_t out, ConvTransposeOptions<kAxes> options)
    : options_(options) {
  check_channels(kTransposedNames[kAxes - 1], in, out, options.groups);
  weight = parameter("weight", weight_shape(in, out / options.groups, options.kernel));
  if (options.bias) bias = parameter("bias", {out});
  init::linear_default(weight, bias);
}

template <int kAxes>
Tensor ConvTranspose<kAxes>::operator()(const Tensor& x) const {
  if (x.rank() != kAxes + 2) {
    fail(kTransposedNames[kAxes - 1], "got shape {}, expected {} axes", to_string(x.shape()),
         kAxes + 2);
  }
  ConvAttrs attrs{.stride = options_.stride.list(),
                  .pad_begin = options_.padding.list(),
                  .pad_end = options_.padding.list(),
                  .dilation = options_.dilation.list(),
                  .groups = options_.groups};
  Shape channels{1, -1};
  for (int i = 0; i < kAxes; ++i) {
    attrs.size.push_back((x.size(2 + i) - 1) * options_.stride[i] - 2 * options_.padding[i] +
                         options_.dilation[i] * (options_.kernel[i] - 1) + 1 +
                         options_.output_padding[i]);
    channels.push_back(1);
  }
  const Tensor y = conv_transpose(x, weight->read(), attrs);
  return bias ? y + reshape(bias->read(), channels) : y;
}

template struct ConvTranspose<1>;
template struct ConvTranspose<2>;
template struct ConvTranspose<3>;

}  // namespace suan::nn
