// RNN, GRU and LSTM beyond what the official suite covers: lengths, directions, activations.
// SPDX-License-Identifier: Apache-2.0
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

// h_t = x_t + h_(t-1): a running sum. Two sequences side by side, x [3, 2, 1].
OneNode running_sum(const std::string& direction) {
  const bool both = direction == "bidirectional";
  const std::vector<float> one(both ? 2 : 1, 1.0F);
  const Shape shape{both ? 2 : 1, 1, 1};
  OneNode node = node_of("RNN");
  node.in(floats({1, 10, 2, 20, 3, 30}, {3, 2, 1})).in(floats(one, shape)).in(floats(one, shape));
  return node.with("direction", direction).with("hidden_size", 1);
}
OneNode& affine(OneNode& node, size_t count = 1) {
  return node.with("activations", std::vector<std::string>(count, "Affine"));
}

TEST(OnnxRecurrent, RunsInBothDirections) {
  OneNode forward = running_sum("forward"), reverse = running_sum("reverse");
  expect_near(affine(forward).run()[0], {1, 10, 3, 30, 6, 60});
  expect_near(affine(reverse).run()[0], {6, 60, 5, 50, 3, 30});
  OneNode both = running_sum("bidirectional");
  const auto y = affine(both, 2).give(2).run();
  EXPECT_EQ(y[0].shape(), (Shape{3, 2, 2, 1}));
  expect_near(y[0], {1, 10, 6, 60, 3, 30, 5, 50, 6, 60, 3, 30});
  expect_near(y[1], {6, 60, 6, 60});
}

TEST(OnnxRecurrent, EndsEachSequenceAtItsLength) {
  const Tensor lengths = tensor_of<int32_t>({2, 3}, {2});
  OneNode forward = running_sum("forward");
  const auto y = affine(forward).absent().in(lengths).give(2).run();
  expect_near(y[0], {1, 10, 3, 30, 0, 60});
  expect_near(y[1], {3, 60});
  OneNode reverse = running_sum("reverse");
  const auto back = affine(reverse).absent().in(lengths).give(2).run();
  expect_near(back[0], {3, 60, 2, 50, 0, 30});
  expect_near(back[1], {3, 60});
}

TEST(OnnxRecurrent, ClipsWhatActivationsTake) {
  OneNode node = running_sum("forward");
  expect_near(affine(node).with("clip", 4.0).run()[0], {1, 4, 3, 4, 4, 4});
}

TEST(OnnxRecurrent, RefusesWhatDoesNotFit) {
  OneNode unknown = running_sum("forward"), few = running_sum("bidirectional");
  EXPECT_EQ(unknown.with("activations", Texts{"Sine"}).error(),
            "RNN: there is no activation 'Sine'");
  EXPECT_EQ(affine(few).error(), "RNN: got 1 activations, expected 2");
  EXPECT_EQ(node_of("LSTM")
                .in(floats({1, 2}, {2, 1, 1}))
                .in(floats({1}, {1, 1, 1}))
                .in(floats({1}, {1, 1, 1}))
                .error(),
            "LSTM: W is [1, 1, 1], expected [1, 4, 1]");
  OneNode sideways = running_sum("sideways");
  EXPECT_EQ(sideways.error(),
            "RNN: direction is 'sideways', expected forward, reverse or bidirectional");
  OneNode wide = running_sum("forward");
  EXPECT_EQ(wide.absent().in(tensor_of<int32_t>({1, 2, 3}, {3})).error(),
            "RNN: sequence_lens is [3], expected [2]");
}

TEST(OnnxRecurrent, CouplesForgettingToTheInput) {
  // With weights of 0 all gates are 1/2 and the candidate is 0: the cell halves at each step.
  const std::vector<float> zero(4, 0.0F);
  OneNode node = node_of("LSTM");
  node.in(floats({1, 1}, {2, 1, 1})).in(floats(zero, {1, 4, 1})).in(floats(zero, {1, 4, 1}));
  node.absent().absent().absent().in(floats({8}, {1, 1, 1})).with("hidden_size", 1);
  expect_near(node.with("input_forget", 1).give(3).run()[2], {2});
}

}  // namespace
}  // namespace suan::onnx
