// VGG-16. Simonyan and Zisserman, "Very deep convolutional networks", ICLR 2015.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/attrs.h"
#include "suan/models/resnet.h"
#include "suan/nn/sequential.h"

namespace suan::models {

struct Vgg16Options {
  Stem stem = Stem::imagenet;  // cifar: 32x32 images and one dense layer instead of three
  bool batch_norm = false;
  int64_t channels = 3;
  int64_t classes = 1000;
  double dropout = 0.5;  // between the dense layers
  static constexpr auto fields() {
    return std::tuple{
        Field{"stem", &Vgg16Options::stem}, Field{"batch_norm", &Vgg16Options::batch_norm},
        Field{"channels", &Vgg16Options::channels}, Field{"classes", &Vgg16Options::classes},
        Field{"dropout", &Vgg16Options::dropout}};
  }
};

// 13 3x3 convolutions with relu in five stages, each followed by 2x2 max pooling, and dense layers.
// Images are 224x224 (imagenet) or 32x32 (cifar). States are named as in torchvision.
struct Vgg16 : nn::Module {
  explicit Vgg16(Vgg16Options options = {});
  Tensor operator()(const Tensor& x) const;

  nn::Sequential features;
  nn::Sequential classifier;
  SUAN_MEMBERS(features, classifier)
};

}  // namespace suan::models
