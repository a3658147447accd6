// Elementwise operators, blocks and small floats beyond what the official suite covers.
// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(OnnxMod, FollowsTheSignOfEither) {
  const Tensor a = floats({7, -7, 7, -7, 5, -5, 0}, {7});
  const Tensor b = floats({3, 3, -3, -3, kInfinity, kInfinity, -kInfinity}, {7});
  const OneNode node = node_of("Mod", 28).in(a).in(b);
  EXPECT_EQ(OneNode::numbers(node.run()[0]), (std::vector<double>{1, 2, -2, -1, 5, kInfinity, 0}));
  expect_near(OneNode(node).with("fmod", 1).run()[0], {1, -1, 1, -1, 5, -5, 0});
  const Tensor none = floats({kInfinity, 1, NAN}, {3}), zero = floats({2, 0, 2}, {3});
  for (const int fmod : {0, 1}) {
    for (double value :
         OneNode::numbers(node_of("Mod", 28).in(none).in(zero).with("fmod", fmod).run()[0])) {
      EXPECT_TRUE(std::isnan(value)) << value;
    }
  }
}

TEST(OnnxBlocks, MoveIntoChannelsBothWays) {
  const Tensor x = numbered({1, 2, 2, 4});
  for (const std::string mode : {"DCR", "CRD"}) {
    const Tensor y =
        node_of("SpaceToDepth", 28).in(x).with("blocksize", 2).with("mode", mode).run()[0];
    const bool first = mode == "CRD";
    expect_near(y, "f32[1, 8, 1, 2]",
                first ? std::vector<double>{0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15}
                      : std::vector<double>{0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15});
    const OneNode back = node_of("DepthToSpace", 28).in(y).with("blocksize", 2).with("mode", mode);
    expect_near(back.run()[0], OneNode::numbers(x));
  }
  expect_error(
      node_of("SpaceToDepth", 28).in(x).with("blocksize", 2).with("mode", std::string("X")),
      "SpaceToDepth: mode 'X' is unknown, expected DCR or CRD");
}

TEST(OnnxCast, RoundsToSixBits) {
  constexpr int64_t kE2m3 = 27, kE3m2 = 28;
  const Tensor x = floats({0.0625F, -1.0625F, 1.1875F, 7.4F, 100, -0.3F, 27, 0.1F}, {8});
  const auto through = [&](int64_t code) {
    return cast(node_of("Cast", 28).in(x).with("to", code).run()[0], DType::f32);
  };
  expect_near(through(kE2m3), {0, -1, 1.25, 7.5, 7.5, -0.25, 7.5, 0.125});
  expect_near(through(kE3m2), {0.0625, -1, 1.25, 7, 28, -0.3125, 28, 0.125});
}

TEST(OnnxCast, RoundsToPowersOfTwoAsAsked) {
  const Tensor x = floats({0.75F, 1, 1.4F, 1.5F, 3, 0, 3e38F, kInfinity}, {8});
  const auto through = [&](const std::string& mode, int saturate) {
    const OneNode node = node_of("Cast", 25)
                             .in(x)
                             .with("to", 24)
                             .with("round_mode", mode)
                             .with("saturate", saturate);
    return OneNode::numbers(cast(node.run()[0], DType::f32));
  };
  const double least = std::ldexp(1.0, -127), most = std::ldexp(1.0, 127);
  EXPECT_EQ(through("up", 1), (std::vector<double>{1, 1, 2, 2, 4, least, most, most}));
  EXPECT_EQ(through("down", 1), (std::vector<double>{0.5, 1, 1, 1, 2, least, most, most}));
  EXPECT_EQ(through("nearest", 1), (std::vector<double>{1, 1, 1, 2, 4, least, most, most}));
  const auto strict = through("up", 0);
  EXPECT_EQ(strict[0], 1);
  for (size_t i : {size_t{5}, size_t{6}, size_t{7}}) EXPECT_TRUE(std::isnan(strict[i])) << i;
  expect_error(node_of("Cast", 25).in(x).with("to", 24).with("round_mode", std::string("odd")),
               "Cast: round_mode is 'odd', expected up, down or nearest");
}

}  // namespace
}  // namespace suan::onnx
