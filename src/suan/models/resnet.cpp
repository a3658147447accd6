// Residual networks.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/resnet.h"

#include <array>
#include <numbers>

#include "suan/base/error.h"
#include "suan/nn/init.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/pool.h"
#include "suan/ops/reduce.h"
#include "suan/ops/slice.h"

namespace suan::models {
namespace {

nn::Conv2d convolution(int64_t in, int64_t out, int64_t kernel, int64_t stride = 1) {
  nn::Conv2d conv(in, out,
                  {.kernel = kernel, .stride = stride, .padding = kernel / 2, .bias = false});
  nn::init::kaiming_normal(conv.weight, std::numbers::sqrt2, nn::init::Fan::out);
  return conv;
}

void add_stage(nn::ModuleList<ResnetBlock>& stage, int64_t& in, int64_t blocks, int64_t width,
               int64_t stride, bool bottleneck, Shortcut shortcut = Shortcut::b) {
  for (int64_t i = 0; i < blocks; ++i) {
    stage.emplace_back(in, width, i == 0 ? stride : 1, bottleneck, shortcut);
    in = bottleneck ? 4 * width : width;
  }
}

Tensor run(const nn::ModuleList<ResnetBlock>& stage, Tensor x) {
  for (const ResnetBlock& block : stage) x = block(x);
  return x;
}

}  // namespace

std::span<const std::string_view> enum_names(Stem /*stem*/) {
  static constexpr std::array<std::string_view, 2> kNames{"cifar", "imagenet"};
  return kNames;
}
std::span<const std::string_view> enum_names(Shortcut /*shortcut*/) {
  static constexpr std::array<std::string_view, 2> kNames{"a", "b"};
  return kNames;
}

ResnetBlock::ResnetBlock(int64_t in, int64_t width, int64_t stride, bool bottleneck,
                         Shortcut shortcut)
    : conv1(convolution(in, width, bottleneck ? 1 : 3, bottleneck ? 1 : stride)),
      bn1(width),
      conv2(convolution(width, width, 3, bottleneck ? stride : 1)),
      bn2(width),
      stride_(stride) {
  const int64_t out = bottleneck ? 4 * width : width;
  if (bottleneck) {
    conv3 = convolution(width, out, 1);
    bn3.emplace(out);
  }
  if (stride == 1 && in == out) return;
  if (shortcut == Shortcut::a) {
    fills_up_ = true;
  } else {
    downsample.emplace(convolution(in, out, 1, stride), nn::BatchNorm2d(out));
  }
}

Tensor ResnetBlock::operator()(const Tensor& x) const {
  Tensor y = bn2(conv2(relu(bn1(conv1(x)))));
  if (conv3) y = (*bn3)((*conv3)(relu(y)));
  if (downsample) return relu(y + (*downsample)(x));
  if (!fills_up_) return relu(y + x);
  const Tensor picked = slice(x, {0, 0}, {x.size(2), x.size(3)}, {2, 3}, {stride_, stride_});
  return relu(y +
              place(picked, {.starts = {0, 0, 0, 0}, .steps = {1, 1, 1, 1}, .shape = y.shape()}));
}

Resnet::Resnet(const ResnetOptions& o)
    : conv1(o.stem == Stem::cifar ? convolution(o.channels, o.width, 3)
                                  : convolution(o.channels, o.width, 7, 2)),
      bn1(o.width),
      fc(8 * o.width * (o.bottleneck ? 4 : 1), o.classes),
      pools_(o.stem == Stem::imagenet) {
  if (o.blocks.size() != 4) fail("resnet", "got {} stages, expected 4", o.blocks.size());
  nn::ModuleList<ResnetBlock>* stages[] = {&layer1, &layer2, &layer3, &layer4};
  int64_t in = o.width;
  for (size_t i = 0; i < 4; ++i) {
    add_stage(*stages[i], in, o.blocks[i], o.width << i, i == 0 ? 1 : 2, o.bottleneck);
  }
}

Tensor Resnet::operator()(const Tensor& x) const {
  Tensor y = relu(bn1(conv1(x)));
  if (pools_) y = max_pool2d(y, 3, 2, 1);
  y = run(layer4, run(layer3, run(layer2, run(layer1, y))));
  return fc(mean(y, {2, 3}));
}

CifarResnet::CifarResnet(CifarResnetOptions o)
    : conv1(convolution(o.channels, o.width, 3)), bn1(o.width), fc(4 * o.width, o.classes) {
  if (o.depth < 8 || o.depth % 6 != 2) {
    fail("resnet", "depth is {}, expected 6 n + 2 (20, 32, 44, 56, ...)", o.depth);
  }
  if (o.width < 1) fail("resnet", "width is {}, expected 1 or more", o.width);
  const int64_t blocks = (o.depth - 2) / 6;
  int64_t in = o.width;
  add_stage(layer1, in, blocks, o.width, 1, false, o.shortcut);
  add_stage(layer2, in, blocks, 2 * o.width, 2, false, o.shortcut);
  add_stage(layer3, in, blocks, 4 * o.width, 2, false, o.shortcut);
}

Tensor CifarResnet::operator()(const Tensor& x) const {
  const Tensor y = run(layer3, run(layer2, run(layer1, relu(bn1(conv1(x))))));
  return fc(mean(y, {2, 3}));
}

}  // namespace suan::models
