// Models: output shapes and parameter counts.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "suan/models/lenet.h"
#include "suan/models/mlp.h"
#include "suan/ops/leaf.h"
#include "tests/expect_error.h"

namespace suan::models {
namespace {

TEST(Mlp, HasTwoDenseLayers) {
  Mlp mlp;
  EXPECT_EQ(mlp.parameter_count(), 784 * 128 + 128 + 128 * 10 + 10);
  EXPECT_EQ(mlp.named_states()[0].name, "layers.0.weight");
  EXPECT_EQ(mlp(zeros({3, 1, 28, 28})).shape(), (Shape{3, 10}));
}

TEST(Lenet, HasTwoConvolutionsAndTwoDenseLayers) {
  Lenet lenet;
  EXPECT_EQ(lenet.parameter_count(), 320 + 18'496 + 401'536 + 1'290);
  EXPECT_EQ(lenet(zeros({2, 1, 28, 28})).shape(), (Shape{2, 10}));
  EXPECT_ERROR(Lenet({.size = 30}), kInvalidArgument,
               "lenet: images of size 30, expected a multiple of 4");
}

}  // namespace
}  // namespace suan::models
