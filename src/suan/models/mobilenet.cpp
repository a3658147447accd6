// MobileNet V2.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/mobilenet.h"

#include <algorithm>

#include "suan/nn/dropout.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"

namespace suan::models {
namespace {

nn::Conv2d convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t groups) {
  nn::Conv2d conv(
      in, out,
      {.kernel = kernel, .stride = stride, .padding = kernel / 2, .groups = groups, .bias = false});
  nn::init::kaiming_normal(conv.weight, std::numbers::sqrt2, nn::init::Fan::out);
  return conv;
}

Tensor relu6(const Tensor& x) { return minimum(relu(x), 6.0); }

nn::Sequential conv_norm_relu(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                              int64_t groups = 1) {
  return nn::Sequential(convolution(in, out, kernel, stride, groups), nn::BatchNorm2d(out), relu6);
}

// As torchvision rounds: never below nine tenths.
int64_t scaled(int64_t channels, double width) {
  const double wanted = static_cast<double>(channels) * width;
  const auto nearest = std::max<int64_t>(8, (static_cast<int64_t>(wanted + 4)) / 8 * 8);
  return static_cast<double>(nearest) < 0.9 * wanted ? nearest + 8 : nearest;
}

}  // namespace

InvertedResidual::InvertedResidual(int64_t in, int64_t out, int64_t stride, int64_t expansion)
    : adds_(stride == 1 && in == out) {
  const int64_t hidden = in * expansion;
  if (expansion != 1) conv.add(conv_norm_relu(in, hidden, 1, 1));
  conv.add(conv_norm_relu(hidden, hidden, 3, stride, hidden));
  conv.add(convolution(hidden, out, 1, 1, 1)).add(nn::BatchNorm2d(out));
}

Tensor InvertedResidual::operator()(const Tensor& x) const {
  const Tensor y = conv(x);
  return adds_ ? x + y : y;
}

MobilenetV2::MobilenetV2(MobilenetV2Options o) {
  struct Stage {
    int64_t expansion, channels, blocks, stride;
  };
  constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                               {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
  const bool small = o.stem == Stem::cifar;
  int64_t in = scaled(32, o.width);
  features.add(conv_norm_relu(o.channels, in, 3, small ? 1 : 2));
  for (const Stage& stage : kStages) {
    for (int64_t i = 0; i < stage.blocks; ++i) {
      const bool halves = i == 0 && stage.stride == 2 && !(small && stage.channels == 24);
      const int64_t out = scaled(stage.channels, o.width);
      features.add(InvertedResidual(in, out, halves ? 2 : 1, stage.expansion));
      in = out;
    }
  }
  const int64_t last = scaled(1280, std::max(o.width, 1.0));
  features.add(conv_norm_relu(in, last, 1, 1));
  nn::Linear head(last, o.classes);
  nn::init::normal(head.weight, 0, 0.01);
  nn::init::constant(head.bias, 0);
  classifier.add(nn::Dropout(o.dropout)).add(std::move(head));
}

Tensor MobilenetV2::operator()(const Tensor& x) const {
  return classifier(mean(features(x), {2, 3}));
}

}  // namespace suan::models
