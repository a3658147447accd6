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
}

template <int kAxes>
Tensor Conv<kAxes>::operator()(const Tensor& x) const {
  return conv(x, weight->read(), bias ? bias->read() : Tensor(), attrs_);
}

template struct Conv<1>;
template struct Conv<2>;
template struct Conv<3>;

ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out, ConvTranspose2dOptions options)
    : options_(options) {
  check_channels("ConvTranspose2d", in, out, options.groups);
  weight = parameter("weight", weight_shape(in, out / options.groups, options.kernel));
  if (options.bias) bias = parameter("bias", {out});
  init::linear_default(weight, bias);
}

Tensor ConvTranspose2d::operator()(const Tensor& x) const {
  if (x.rank() != 4) fail("ConvTranspose2d", "got shape {}, expected 4 axes", to_string(x.shape()));
  ConvAttrs attrs{.stride = options_.stride.list(),
                  .pad_begin = options_.padding.list(),
                  .pad_end = options_.padding.list(),
                  .dilation = options_.dilation.list(),
                  .groups = options_.groups};
  for (int i = 0; i < 2; ++i) {
    attrs.size.push_back((x.size(2 + i) - 1) * options_.stride[i] - 2 * options_.padding[i] +
                         options_.dilation[i] * (options_.kernel[i] - 1) + 1 +
                         options_.output_padding[i]);
  }
  const Tensor y = conv_transpose(x, weight->read(), attrs);
  return bias ? y + reshape(bias->read(), {1, -1, 1, 1}) : y;
}

}  // namespace suan::nn
