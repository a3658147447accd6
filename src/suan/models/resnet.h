// Residual networks. He et al., "Deep residual learning for image recognition", CVPR 2016.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string_view>

#include "suan/graph/attrs.h"
#include "suan/nn/conv.h"
#include "suan/nn/linear.h"
#include "suan/nn/norm.h"
#include "suan/nn/sequential.h"

namespace suan::models {

// The first layers: a 3x3 convolution for small images, or 7x7 with stride 2 and max pooling.
enum class Stem : uint8_t { cifar, imagenet };
std::span<const std::string_view> enum_names(Stem stem);

// How a block's shortcut reaches more channels: A takes every second pixel and fills up with zero
// channels, B is a 1x1 convolution with batch norm.
enum class Shortcut : uint8_t { a, b };
std::span<const std::string_view> enum_names(Shortcut shortcut);

// relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)), two 3x3 convolutions; or, as a bottleneck, three
// of 1x1, 3x3 (with the stride) and 1x1 to four times the width.
struct ResnetBlock : nn::Module {
  ResnetBlock(int64_t in, int64_t width, int64_t stride, bool bottleneck,
              Shortcut shortcut = Shortcut::b);
  Tensor operator()(const Tensor& x) const;

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  std::optional<nn::Conv2d> conv3;
  std::optional<nn::BatchNorm2d> bn3;
  std::optional<nn::Sequential> downsample;
  SUAN_MEMBERS(conv1, bn1, conv2, bn2, conv3, bn3, downsample)

 private:
  int64_t stride_;
  bool fills_up_ = false;  // the shortcut adds zero channels
};

struct ResnetOptions {
  std::vector<int64_t> blocks{2, 2, 2, 2};  // in each of the four stages
  bool bottleneck = false;
  int64_t width = 64;  // channels of the first stage; each later one has twice as many
  Stem stem = Stem::imagenet;
  int64_t channels = 3;
  int64_t classes = 1000;
  static constexpr auto fields() {
    return std::tuple{Field{"blocks", &ResnetOptions::blocks},
                      Field{"bottleneck", &ResnetOptions::bottleneck},
                      Field{"width", &ResnetOptions::width},
                      Field{"stem", &ResnetOptions::stem},
                      Field{"channels", &ResnetOptions::channels},
                      Field{"classes", &ResnetOptions::classes}};
  }
};

// x [n, channels, h, w] to [n, classes]. States are named as in torchvision.
struct Resnet : nn::Module {
  explicit Resnet(const ResnetOptions& options = {});
  Tensor operator()(const Tensor& x) const;

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::ModuleList<ResnetBlock> layer1, layer2, layer3, layer4;
  nn::Linear fc;
  SUAN_MEMBERS(conv1, bn1, layer1, layer2, layer3, layer4, fc)

 private:
  bool pools_;
};

struct CifarResnetOptions {
  int64_t depth = 20;  // 6 n + 2
  int64_t width = 16;  // channels of the first stage
  Shortcut shortcut = Shortcut::a;
  int64_t channels = 3;
  int64_t classes = 10;
  static constexpr auto fields() {
    return std::tuple{Field{"depth", &CifarResnetOptions::depth},
                      Field{"width", &CifarResnetOptions::width},
                      Field{"shortcut", &CifarResnetOptions::shortcut},
                      Field{"channels", &CifarResnetOptions::channels},
                      Field{"classes", &CifarResnetOptions::classes}};
  }
};

// The networks of the paper's section 4.2: three stages of 16, 32 and 64 channels (or multiples of
// another width).
struct CifarResnet : nn::Module {
  explicit CifarResnet(CifarResnetOptions options = {});
  Tensor operator()(const Tensor& x) const;

  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::ModuleList<ResnetBlock> layer1, layer2, layer3;
  nn::Linear fc;
  SUAN_MEMBERS(conv1, bn1, layer1, layer2, layer3, fc)
};

}  // namespace suan::models
