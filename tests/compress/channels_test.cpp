// Channels that go together: what the analysis finds in networks, and that removing channels which
// are zero changes nothing.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/channels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/base/random.h"
#include "suan/compress/choose_channels.h"
#include "suan/models/create.h"
#include "suan/nn/nn.h"
#include "suan/ops/concat.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"
#include "suan/tensor/compile.h"
#include "suan/tensor/trace_function.h"
#include "tests/expect_error.h"

namespace suan::compress {
namespace {

using Outputs = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

Array noise(const Shape& shape, uint64_t seed) {
  Array array(DType::f32, shape);
  Random random(seed);
  for (float& v : array.span<float>()) v = static_cast<float>(random.normal());
  return array;
}

// Everything differs from channel to channel, statistics too.
void randomise(nn::Module& module) {
  uint64_t seed = 1;
  for (const StatePtr& s : module.states()) {
    if (s->type().dtype != DType::f32) continue;
    Array array = noise(s->type().shape, seed++);
    const Shape& shape = array.shape;
    const bool positive = s->name().ends_with("running_var") || shape.rank() == 1;
    const double fan =
        shape.rank() > 1 ? static_cast<double>(shape.numel()) / static_cast<double>(shape[0]) : 1;
    for (float& v : array.span<float>()) {
      v = positive ? 0.5F + std::abs(v) * 0.5F : v * static_cast<float>(std::sqrt(2 / fan));
    }
    s->load(array);
  }
}

// Zeros in what makes a unit's channels: filters, and scale and shift of norms.
void silence(const ChannelTies& ties, const std::vector<bool>& removed) {
  for (size_t u = 0; u < removed.size(); ++u) {
    if (!removed[u]) continue;
    for (const auto& place : ties.units[u].places) {
      const StateAxis& at = ties.axes[static_cast<size_t>(place.axis)];
      if (at.axis != 0 || !at.state->trainable()) continue;
      Array array = at.state->array();
      const int64_t run = array.shape.numel(1, array.shape.rank());
      std::fill_n(array.as<float>() + place.index * run, run, 0.0F);
      at.state->load(array);
    }
  }
}

double largest_difference(const Array& a, const Array& b) {
  EXPECT_EQ(a.shape, b.shape);
  double most = 0, scale = 0;
  for (size_t i = 0; i < a.span<float>().size(); ++i) {
    most = std::max(most, std::abs(double{a.span<float>()[i]} - b.span<float>()[i]));
    scale = std::max(scale, std::abs(double{a.span<float>()[i]}));
  }
  EXPECT_GT(scale, 0);
  return most / scale;
}

// Removes channels down to a share of the operations. The outputs of the network with those
// channels silenced must stay, and the operations be what was counted.
void check_removal(nn::Module& module, const Outputs& outputs, const Shape& shape,
                   const ChannelTarget& target = {}) {
  randomise(module);
  module.eval();
  const std::vector<Type> types{Type(DType::f32, shape)};
  const ChannelTies ties = find_channel_ties(trace_function(outputs, types).graph);
  const std::vector<bool> none(ties.units.size(), false);
  const std::vector<bool> removed = choose_channels(ties, norm_importance(ties), target);
  silence(ties, removed);
  CompiledFunction function(outputs, {});
  const std::vector<Tensor> args{Tensor::from(noise(shape, 99))};
  const Array before = function(args)[0].array();
  const int64_t parameters = module.parameter_count();
  remove_channels(ties, removed);
  EXPECT_LT(module.parameter_count(), parameters);
  EXPECT_LT(largest_difference(before, function(args)[0].array()), 1e-5);
  EXPECT_EQ(function.compile_count(), 2);

  const ChannelTies after = find_channel_ties(trace_function(outputs, types).graph);
  const double whole = ties.flops(none), left = ties.flops(removed);
  EXPECT_NEAR(after.flops(std::vector<bool>(after.units.size(), false)) / left, 1, 1e-9);
  EXPECT_LE(left, target.flops * whole);
  EXPECT_EQ(after.units.size() + static_cast<size_t>(std::ranges::count(removed, true)),
            ties.units.size());
}

void check_model(const std::string& name, const models::Config& config, const Shape& shape,
                 const ChannelTarget& target = {}) {
  SCOPED_TRACE(name);
  const auto model = models::create(name, config);
  check_removal(
      model->module(), [&](const std::vector<Tensor>& x) { return std::vector{(*model)(x)}; },
      shape, target);
}

TEST(Channels, OfResnet20WithBothShortcuts) {
  check_model("resnet20", {{"shortcut", "a"}}, {2, 3, 16, 16});
  check_model("resnet20", {{"shortcut", "b"}}, {2, 3, 16, 16});
  check_model("resnet20", {{"shortcut", "a"}}, {2, 3, 16, 16}, {.flops = 0.6, .multiple = 8});
}
TEST(Channels, OfResnet18) {
  check_model("resnet18", {{"stem", "cifar"}, {"width", "16"}}, {1, 3, 16, 16});
}
TEST(Channels, OfBottlenecks) {
  check_model("resnet50", {{"width", "8"}, {"classes", "10"}}, {1, 3, 64, 64}, {.flops = 0.3});
}
TEST(Channels, OfConvolutionsByChannel) {
  check_model("mobilenet_v2", {{"stem", "cifar"}, {"width", "0.5"}, {"classes", "10"}},
              {1, 3, 16, 16});
}
TEST(Channels, ThroughFlattenedImages) {
  check_model("lenet", {}, {2, 1, 28, 28});
  check_model("vgg16", {{"stem", "cifar"}, {"classes", "10"}, {"batch_norm", "true"}},
              {1, 3, 32, 32}, {.multiple = 16});
}
TEST(Channels, OfDenseLayers) { check_model("mlp", {{"sizes", "[20, 64, 32, 4]"}}, {3, 20}); }

// A concatenation that is read by one convolution and, in part, by a sum; then groups of two.
struct Branches : nn::Module {
  nn::Conv2d left{3, 8, {.kernel = 3, .padding = 1}};
  nn::Conv2d right{3, 12, {.kernel = 1}};
  nn::BatchNorm2d norm{20};
  nn::Conv2d joined{20, 8, {.kernel = 3, .padding = 1}};
  nn::Conv2d grouped{8, 16, {.kernel = 3, .padding = 1, .groups = 4}};
  nn::Conv2d transposed{16, 6, {.kernel = 1, .bias = false}};
  nn::Linear head{6, 5};
  SUAN_MEMBERS(left, right, norm, joined, grouped, transposed, head)
  Tensor operator()(const Tensor& x) const {
    const Tensor a = relu(left(x));
    const Tensor both = norm(concat({a, right(x)}, 1));
    const Tensor sum = joined(both) + a;
    const Tensor y = transpose(transposed(relu(grouped(sum))), {0, 2, 3, 1});
    return head(mean(y, {1, 2}));
  }
};

TEST(Channels, OfConcatenationsAndGroups) {
  Branches net;
  check_removal(net, [&](const std::vector<Tensor>& x) { return std::vector{net(x[0])}; },
                {2, 3, 6, 6});
  EXPECT_EQ(net.norm.weight->type().shape[0],
            net.left.weight->type().shape[0] + net.right.weight->type().shape[0]);
  EXPECT_EQ(net.joined.weight->type().shape[0], net.left.weight->type().shape[0]);
  EXPECT_EQ(net.left.weight->type().shape[0] % 2, 0);  // whole groups of `grouped`
}

std::vector<std::string> places(const ChannelTies& ties, const ChannelUnit& unit) {
  std::vector<std::string> out;
  for (const auto& p : unit.places) {
    const StateAxis& at = ties.axes[static_cast<size_t>(p.axis)];
    out.push_back(fmt::format("{}/{}[{}]", at.state->name(), at.axis, p.index));
  }
  return out;
}

// The shortcut fills up with zeros: the first stage's channels are those of the whole network.
TEST(Channels, OfAStageAreTiedToTheFirstOnesOfTheNext) {
  const auto net = models::create("resnet20", {{"depth", "8"}, {"width", "4"}});
  net->module().eval();
  net->module().states();
  const ChannelTies ties = find_channel_ties(
      trace_function([&](const std::vector<Tensor>& x) { return std::vector{(*net)(x)}; },
                     {Type(DType::f32, {1, 3, 8, 8})})
          .graph);
  const std::vector<std::string> unit = places(ties, ties.units.at(1));
  for (const char* place :
       {"conv1.weight/0[1]", "bn1.running_var/0[1]", "layer1.0.conv2.weight/0[1]",
        "layer2.0.conv1.weight/1[1]", "layer2.0.conv2.weight/0[1]", "layer3.0.bn2.weight/0[1]",
        "fc.weight/1[1]"}) {
    EXPECT_THAT(unit, testing::Contains(place));
  }
  std::vector<size_t> sizes;
  for (const auto& group : ties.groups) sizes.push_back(group.size());
  // What all stages share, what the last two do, the last; and the inner ones of three blocks.
  EXPECT_THAT(sizes, testing::UnorderedElementsAre(4, 4, 8, 4, 8, 16));
}

TEST(Channels, AreTiedToEveryPixelOfAFlattenedImage) {
  const auto net = models::create("lenet", {{"size", "8"}, {"filters", "[3, 2]"}});
  net->module().eval();
  net->module().states();
  const ChannelTies ties = find_channel_ties(
      trace_function([&](const std::vector<Tensor>& x) { return std::vector{(*net)(x)}; },
                     {Type(DType::f32, {1, 1, 8, 8})})
          .graph);
  EXPECT_THAT(
      places(ties, ties.units.at(4)),
      testing::UnorderedElementsAre("conv2.weight/0[1]", "conv2.bias/0[1]", "fc1.weight/1[4]",
                                    "fc1.weight/1[5]", "fc1.weight/1[6]", "fc1.weight/1[7]"));
}

std::vector<std::string> pins(nn::Module& module, const Outputs& outputs, const Shape& shape) {
  module.eval();
  module.states();
  std::vector<std::string> out;
  for (const PinnedAxis& p :
       find_channel_ties(trace_function(outputs, {Type(DType::f32, shape)}).graph).pinned) {
    out.push_back(fmt::format("{}/{} {}", p.at.state->name(), p.at.axis, p.reason));
  }
  return out;
}

TEST(Channels, ThatCannotGoSayWhy) {
  nn::Sequential net(nn::Linear(6, 8, {.bias = false}), nn::Linear(8, 4, {.bias = false}));
  const auto of = [&](const std::function<Tensor(const Tensor&)>& between) {
    return pins(
        net,
        [&](const std::vector<Tensor>& x) {
          const Tensor hidden = matmul(x[0], net.parameters()[0]->read(), false, true);
          return std::vector{matmul(between(hidden), net.parameters()[1]->read(), false, true)};
        },
        {3, 6});
  };
  using testing::ElementsAre;
  const std::string input = "0.weight/1 meets the input", output =
                                                              "1.weight/0 is an output of the "
                                                              "model";
  EXPECT_THAT(of([](const Tensor& x) { return relu(x); }), ElementsAre(input, output));
  EXPECT_THAT(
      of([](const Tensor& x) { return softmax(x, -1); }),
      ElementsAre("0.weight/0 goes into softmax", input, output, "1.weight/1 comes from softmax"));
  EXPECT_THAT(
      of([](const Tensor& x) { return x + Tensor::from(noise({8}, 3)); }),
      ElementsAre("0.weight/0 meets a constant", input, output, "1.weight/1 meets a constant"));
  EXPECT_THAT(of([](const Tensor& x) { return x * mean(x, {1}, true); }),
              ElementsAre("0.weight/0 goes into sum", input, output, "1.weight/1 goes into sum"));
  EXPECT_THAT(
      of([](const Tensor& x) { return flip(x, {1}); }),
      ElementsAre("0.weight/0 goes into slice", input, output, "1.weight/1 comes from slice"));
  EXPECT_THAT(
      of([](const Tensor& x) { return cumsum(x, 1); }),  // an op without a rule
      ElementsAre("0.weight/0 goes into cumsum", input, output, "1.weight/1 comes from cumsum"));
  EXPECT_THAT(
      of([](const Tensor& x) { return reshape(relu(reshape(x, {3, 2, 4})), {3, 8}); }),
      ElementsAre("0.weight/0 goes into reshape", input, output, "1.weight/1 comes from reshape"));
}

TEST(Channels, AreChosenInMultiplesAndDownToAFloor) {
  const auto net = models::create("mlp", {{"sizes", "[10, 20, 33, 4]"}});
  net->module().eval();
  const ChannelTies ties = find_channel_ties(
      trace_function([&](const std::vector<Tensor>& x) { return std::vector{(*net)(x)}; },
                     {Type(DType::f32, {1, 10})})
          .graph);
  ASSERT_EQ(ties.groups.size(), 2U);
  std::vector<double> importance(ties.units.size());
  for (size_t i = 0; i < importance.size(); ++i) importance[i] = static_cast<double>(i % 7);
  const auto left = [&](const ChannelTarget& target) {
    const std::vector<bool> removed = choose_channels(ties, importance, target);
    std::vector<int64_t> counts;
    for (const auto& group : ties.groups) {
      counts.push_back(
          std::ranges::count_if(group, [&](int u) { return !removed[static_cast<size_t>(u)]; }));
    }
    return counts;
  };
  for (const double flops : {0.9, 0.6, 0.4}) {
    for (const int64_t count : left({.flops = flops, .multiple = 8, .floor = 0})) {
      EXPECT_TRUE(count % 8 == 0 || count == 20 || count == 33) << count;
    }
  }
  // Of 20 * (10 + 33) + 33 * 4 = 992 products 2 * 10 + 2 * 4 + 4 * 4 are left.
  EXPECT_EQ(left({.flops = 0.045, .floor = 0.1}), (std::vector<int64_t>{2, 4}));
  EXPECT_ERROR(left({.flops = 0.04, .floor = 0.1}), kInvalidArgument,
               "prune_channels: flops is 0.04, but 0.044 is the least that can be left of this "
               "model");
  EXPECT_ERROR(left({.flops = 0.2, .multiple = 16, .floor = 0.1}), kInvalidArgument,
               "prune_channels: flops is 0.2, but 0.484 is the least that can be left of this "
               "model");
}

TEST(StateReset, GivesAnotherTypeButNotInsideATrace) {
  const StatePtr state = State::create("s", noise({4, 3}, 1));
  CompiledFunction twice(
      [&](const std::vector<Tensor>& x) { return std::vector{state->read() * x[0]}; }, {});
  const std::vector<Tensor> two{Tensor::from(Array::of<float>({{2}}, {1}))};
  EXPECT_EQ(twice(two)[0].shape(), (Shape{4, 3}));
  state->reset(Array::of<float>({{1, 2}}, {2}));
  EXPECT_EQ(twice(two)[0].array().as<float>()[1], 4);
  EXPECT_EQ(twice.compile_count(), 2);
  const Trace trace;
  EXPECT_ERROR(state->reset(noise({5}, 1)), kInvalidArgument,
               "state: 's' cannot become f32[5] inside a traced function");
}

// The loss reads one of two channels only.
TEST(Channels, ThatNobodyListensToMatterLeastByTaylor) {
  nn::Linear a(4, 3, {.bias = false}), b(3, 2, {.bias = false});
  b.weight->load(Array::of<float>({{1, 0, 2, -1, 0, 1}}, {2, 3}));
  const auto out = [&](const std::vector<Tensor>& x) { return b(a(x[0])); };
  const ChannelTies ties = find_channel_ties(
      trace_function([&](const std::vector<Tensor>& x) { return std::vector{out(x)}; },
                     {Type(DType::f32, {5, 4})})
          .graph);
  const auto loss = [&](const std::vector<Tensor>& x) { return mean(square(out(x))); };
  const std::vector<std::vector<Array>> batches{{noise({5, 4}, 1)}, {noise({5, 4}, 2)}};
  const std::vector<double> importance = taylor_importance(ties, loss, batches);
  ASSERT_EQ(importance.size(), 3U);
  EXPECT_EQ(importance[1], 0);
  EXPECT_GT(importance[0], 0);
  EXPECT_GT(importance[2], 0);
  EXPECT_GT(norm_importance(ties)[1], 0);
}

}  // namespace
}  // namespace suan::compress
