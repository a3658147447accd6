// MobileNet V2. Sandler et al., "Inverted residuals and linear bottlenecks", CVPR 2018.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/attrs.h"
#include "suan/models/resnet.h"
#include "suan/nn/sequential.h"

namespace suan::models {

struct MobilenetV2Options {
  Stem stem = Stem::imagenet;  // cifar: the first two halvings of the image are left out
  int64_t channels = 3;
  int64_t classes = 1000;
  double width = 1;  // factor of all channels but the classes, to the nearest multiple of 8
  double dropout = 0.2;
  static constexpr auto fields() {
    return std::tuple{
        Field{"stem", &MobilenetV2Options::stem}, Field{"channels", &MobilenetV2Options::channels},
        Field{"classes", &MobilenetV2Options::classes}, Field{"width", &MobilenetV2Options::width},
        Field{"dropout", &MobilenetV2Options::dropout}};
  }
};

// 1x1 convolution to `expansion` times the channels, 3x3 by channel, 1x1 back without activation;
// plus x where the shapes agree.
struct InvertedResidual : nn::Module {
  InvertedResidual(int64_t in, int64_t out, int64_t stride, int64_t expansion);
  Tensor operator()(const Tensor& x) const;

  nn::Sequential conv;
  SUAN_MEMBERS(conv)

 private:
  bool adds_;
};

// x [n, channels, h, w] to [n, classes]. States are named as in torchvision.
struct MobilenetV2 : nn::Module {
  explicit MobilenetV2(MobilenetV2Options options = {});
  Tensor operator()(const Tensor& x) const;

  nn::Sequential features;
  nn::Sequential classifier;
  SUAN_MEMBERS(features, classifier)
};

}  // namespace suan::models
