// VGG-16.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/vgg.h"

#include <numbers>

#include "suan/nn/dropout.h"
#include "suan/nn/init.h"
#include "suan/nn/pool.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/shape_ops.h"

namespace suan::models {
namespace {

nn::Linear dense(int64_t in, int64_t out) {
  nn::Linear layer(in, out);
  nn::init::normal(layer.weight, 0, 0.01);
  nn::init::constant(layer.bias, 0);
  return layer;
}

}  // namespace

Vgg16::Vgg16(Vgg16Options o) {
  constexpr int64_t kPool = 0;
  constexpr int64_t kPlan[] = {64,    64,  kPool, 128, 128,   kPool, 256, 256, 256,
                               kPool, 512, 512,   512, kPool, 512,   512, 512, kPool};
  int64_t in = o.channels;
  for (const int64_t out : kPlan) {
    if (out == kPool) {
      features.add(nn::MaxPool2d(2));
      continue;
    }
    nn::Conv2d conv(in, out, {.kernel = 3, .padding = 1});
    nn::init::kaiming_normal(conv.weight, std::numbers::sqrt2, nn::init::Fan::out);
    nn::init::constant(conv.bias, 0);
    features.add(std::move(conv));
    if (o.batch_norm) features.add(nn::BatchNorm2d(out));
    features.add(relu);
    in = out;
  }
  if (o.stem == Stem::cifar) {
    classifier.add(dense(512, o.classes));
    return;
  }
  classifier.add(dense(512 * 7 * 7, 4096)).add(relu).add(nn::Dropout(o.dropout));
  classifier.add(dense(4096, 4096)).add(relu).add(nn::Dropout(o.dropout));
  classifier.add(dense(4096, o.classes));
}

Tensor Vgg16::operator()(const Tensor& x) const { return classifier(flatten(features(x))); }

}  // namespace suan::models
