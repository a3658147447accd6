// A small convolutional network for digits.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/attrs.h"
#include "suan/nn/conv.h"
#include "suan/nn/linear.h"

namespace suan::models {

struct LenetOptions {
  int64_t channels = 1;
  int64_t size = 28;  // height and width of the images; a multiple of 4
  int64_t classes = 10;
  std::vector<int64_t> filters{32, 64};  // of the two convolutions
  int64_t hidden = 128;
  static constexpr auto fields() {
    return std::tuple{Field{"channels", &LenetOptions::channels},
                      Field{"size", &LenetOptions::size}, Field{"classes", &LenetOptions::classes},
                      Field{"filters", &LenetOptions::filters},
                      Field{"hidden", &LenetOptions::hidden}};
  }
};

// Two 3x3 convolutions, each with relu and 2x2 max pooling, a dense layer and the classes. x [n,
// channels, size, size]; gives [n, classes]. After LeCun et al. 1998.
struct Lenet : nn::Module {
  explicit Lenet(LenetOptions options = {});
  Tensor operator()(const Tensor& x) const;

  nn::Conv2d conv1, conv2;
  nn::Linear fc1, fc2;
  SUAN_MEMBERS(conv1, conv2, fc1, fc2)
};

}  // namespace suan::models
