// Models: output shapes and parameter counts.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/models/create.h"
#include "suan/models/gcn.h"
#include "suan/models/gpt.h"
#include "suan/models/lenet.h"
#include "suan/models/lstm_classifier.h"
#include "suan/models/mlp.h"
#include "suan/models/mobilenet.h"
#include "suan/models/resnet.h"
#include "suan/models/vgg.h"
#include "suan/nn/init.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/slice.h"
#include "suan/optim/optim.h"
#include "suan/tensor/compile.h"
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
  EXPECT_EQ(Lenet({.filters = {4, 8}, .hidden = 16}).parameter_count(), 40 + 296 + 6'288 + 170);
  EXPECT_ERROR(Lenet({.filters = {4}}), kInvalidArgument,
               "lenet: filters has 1 numbers, expected 2");
}

bool has_state(nn::Module& module, std::string_view name, const Shape& shape) {
  const auto states = module.named_states();
  return std::any_of(states.begin(), states.end(), [&](const nn::NamedState& s) {
    return s.name == name && s.state->type().shape == shape;
  });
}

TEST(Resnet, HasTheKnownParameterCounts) {
  CifarResnet a({.shortcut = Shortcut::a}), b({.shortcut = Shortcut::b});
  EXPECT_EQ(a.parameter_count(), 269'722);
  EXPECT_EQ(b.parameter_count(), 272'474);
  EXPECT_EQ(Resnet({.stem = Stem::cifar, .classes = 10}).parameter_count(), 11'173'962);
  EXPECT_EQ(Resnet({.blocks = {3, 4, 6, 3}, .bottleneck = true}).parameter_count(), 25'557'032);
  EXPECT_ERROR(CifarResnet({.depth = 21}), kInvalidArgument,
               "resnet: depth is 21, expected 6 n + 2 (20, 32, 44, 56, ...)");
}

TEST(Resnet, HasTorchvisionsNames) {
  Resnet net;
  EXPECT_EQ(net.parameter_count(), 11'689'512);
  EXPECT_EQ(net.named_states().size(), 122u);
  EXPECT_TRUE(has_state(net, "conv1.weight", {64, 3, 7, 7}));
  EXPECT_TRUE(has_state(net, "bn1.num_batches_tracked", {}));
  EXPECT_TRUE(has_state(net, "layer2.0.downsample.0.weight", {128, 64, 1, 1}));
  EXPECT_TRUE(has_state(net, "layer2.0.downsample.1.running_var", {128}));
  EXPECT_TRUE(has_state(net, "layer4.1.conv2.weight", {512, 512, 3, 3}));
  EXPECT_TRUE(has_state(net, "fc.bias", {1000}));
  EXPECT_EQ(net(zeros({2, 3, 64, 96})).shape(), (Shape{2, 1000}));
}

TEST(Resnet, ShortcutAFillsUpWithZeroChannels) {
  ResnetBlock block(2, 4, 2, false, Shortcut::a);
  for (const StatePtr& p : block.parameters()) p->load(nn::parameter("", p->type().shape)->array());
  std::vector<float> data(2 * 3 * 3);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
  const Array y = block(Tensor::from(Array::of<float>(data, {1, 2, 3, 3}))).array();
  EXPECT_EQ(y.shape, (Shape{1, 4, 2, 2}));
  EXPECT_EQ(std::vector<float>(y.span<float>().begin(), y.span<float>().end()),
            (std::vector<float>{0, 2, 6, 8, 9, 11, 15, 17, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST(Vgg16, HasTheKnownParameterCountAndNames) {
  Vgg16 net({.stem = Stem::cifar, .batch_norm = true, .classes = 10});
  EXPECT_EQ(net.parameter_count(), 14'728'266);
  EXPECT_TRUE(has_state(net, "features.40.weight", {512, 512, 3, 3}));
  EXPECT_EQ(net(zeros({1, 3, 32, 32})).shape(), (Shape{1, 10}));
}

TEST(MobilenetV2, HasTheKnownParameterCountsAndNames) {
  MobilenetV2 net;
  EXPECT_EQ(net.parameter_count(), 3'504'872);
  EXPECT_TRUE(has_state(net, "features.0.0.weight", {32, 3, 3, 3}));
  EXPECT_TRUE(has_state(net, "features.1.conv.0.0.weight", {32, 1, 3, 3}));
  EXPECT_TRUE(has_state(net, "features.2.conv.3.running_mean", {24}));
  EXPECT_TRUE(has_state(net, "classifier.1.weight", {1000, 1280}));
  MobilenetV2 small({.stem = Stem::cifar, .classes = 10});
  EXPECT_EQ(small.parameter_count(), 2'236'682);
  EXPECT_EQ(small(zeros({1, 3, 32, 32})).shape(), (Shape{1, 10}));
}

TEST(Gpt, HasNanoGptsNamesAndParameterCount) {
  Gpt gpt;
  EXPECT_EQ(gpt.parameter_count(), 804'096);
  EXPECT_TRUE(has_state(gpt, "transformer.wte.weight", {65, 128}));
  EXPECT_TRUE(has_state(gpt, "transformer.h.3.attn.c_attn.weight", {384, 128}));
  EXPECT_TRUE(has_state(gpt, "transformer.h.0.mlp.c_proj.weight", {128, 512}));
  EXPECT_TRUE(has_state(gpt, "transformer.ln_f.weight", {128}));
  EXPECT_EQ(gpt.named_states().size(), 3u + 4 * 6);
  Gpt untied({.bias = true, .tied = false});
  EXPECT_TRUE(has_state(untied, "lm_head.weight", {65, 128}));
  EXPECT_TRUE(has_state(untied, "transformer.h.0.ln_1.bias", {128}));
  EXPECT_ERROR(Gpt({.heads = 3}), kInvalidArgument, "gpt: 3 heads do not divide a width of 128");
  EXPECT_ERROR(gpt(zeros({1, 65}, DType::i64)), kInvalidArgument,
               "gpt: got tokens of shape [1, 65], expected [rows, 1 to 64]");
}

TEST(Gpt, APositionSeesNothingAfterIt) {
  Gpt gpt({.vocabulary = 7, .context = 6, .layers = 2, .heads = 2, .width = 8});
  const Tensor a = gpt(Tensor::of<int64_t>({1, 2, 3, 4, 5, 6}, {1, 6}));
  const Tensor b = gpt(Tensor::of<int64_t>({1, 2, 3, 0, 0, 0}, {1, 6}));
  const Tensor gap = abs(a - b);
  EXPECT_LT(max(narrow(gap, 1, 0, 3)).item(), 1e-6);
  EXPECT_GT(max(narrow(gap, 1, 3, 6)).item(), 1e-4);
}

TEST(Gpt, LearnsToRepeatASequence) {
  nn::seed(1);
  Gpt gpt({.vocabulary = 7, .context = 12, .layers = 1, .heads = 2, .width = 16});
  optim::AdamW adamw(optim::decay_groups(gpt.parameters(), 0.1), {.lr = 1e-2});
  auto step = compile([&](const Tensor& x, const Tensor& y) {
    const Tensor loss = cross_entropy(gpt(x), y);
    adamw.step(grad(loss, adamw.parameters()));
    return loss;
  });
  std::vector<int64_t> x, y;
  for (int64_t i = 0; i < 24; ++i) {
    x.push_back(i % 5);
    y.push_back((i + 1) % 5);
  }
  double last = 0;
  for (int i = 0; i < 60; ++i) {
    last = step(Tensor::from(Array::of<int64_t>(x, {2, 12})),
                Tensor::from(Array::of<int64_t>(y, {2, 12})))
               .item();
  }
  EXPECT_LT(last, 0.1);
  EXPECT_EQ(step.compile_count(), 1);
}

TEST(LstmClassifier, TellsSequencesApartWhateverTheirPadding) {
  for (const char* pool : {"mean", "max", "last"}) {
    auto model = create(
        "lstm",
        {{"vocabulary", "9"}, {"width", "6"}, {"hidden", "5"}, {"dropout", "0"}, {"pool", pool}});
    const Tensor lengths = Tensor::of<int64_t>({3, 3}, {2});
    const Tensor tokens = Tensor::of<int64_t>({1, 2, 3, 0, 0, 1, 2, 3, 7, 8}, {2, 5});
    const Array y = (*model)({tokens, lengths}).array();
    EXPECT_EQ(y.shape, (Shape{2, 2}));
    EXPECT_NEAR(y.as<float>()[0], y.as<float>()[2], 1e-6) << pool;
  }
}

TEST(Gcn, SpreadsOverTheNormalisedAdjacency) {
  // A path 0 - 1 - 2 and the lone node 3; edges given twice count once.
  const CsrMatrix m = normalised_adjacency(4, {{0, 1}, {1, 0}, {2, 1}});
  EXPECT_EQ(std::vector<int64_t>(m.offsets.as<int64_t>(), m.offsets.as<int64_t>() + 5),
            (std::vector<int64_t>{0, 2, 5, 7, 8}));
  EXPECT_EQ(m.columns.as<int64_t>()[3], 1);
  EXPECT_NEAR(m.values.as<float>()[1], 1 / std::sqrt(6.0), 1e-6);
  auto gcn = create("gcn", {{"features", "3"}, {"hidden", "2"}, {"classes", "2"}});
  gcn->module().eval();
  const Tensor x = Tensor::of<float>({1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1}, {4, 3});
  const Tensor offsets = Tensor::from(m.offsets), columns = Tensor::from(m.columns),
               values = Tensor::from(m.values);
  const Array y = (*gcn)({x, offsets, columns, values}).array();
  const auto states = gcn->module().named_states();
  const auto w1 = states[0].state->array(), w2 = states[1].state->array();
  double hidden[4][2] = {}, logits[4][2] = {};
  const double a[4][4] = {{1 / 2.0, 1 / std::sqrt(6.0), 0, 0},
                          {1 / std::sqrt(6.0), 1 / 3.0, 1 / std::sqrt(6.0), 0},
                          {0, 1 / std::sqrt(6.0), 1 / 2.0, 0},
                          {0, 0, 0, 1}};
  for (int i = 0; i < 4; ++i) {
    for (int k = 0; k < 2; ++k) {
      for (int j = 0; j < 4; ++j) {
        for (int f = 0; f < 3; ++f) {
          hidden[i][k] += a[i][j] * x.array().as<float>()[j * 3 + f] * w1.as<float>()[k * 3 + f];
        }
      }
      hidden[i][k] = std::max(0.0, hidden[i][k]);
    }
  }
  for (int i = 0; i < 4; ++i) {
    for (int k = 0; k < 2; ++k) {
      for (int j = 0; j < 4; ++j) {
        for (int f = 0; f < 2; ++f)
          logits[i][k] += a[i][j] * hidden[j][f] * w2.as<float>()[k * 2 + f];
      }
      EXPECT_NEAR(y.as<float>()[i * 2 + k], logits[i][k], 1e-5);
    }
  }
  EXPECT_ERROR(normalised_adjacency(2, {{0, 2}}), kOutOfRange,
               "gcn: edge (0, 2) leaves the 2 nodes");
}

TEST(Create, ReadsOptionsAsText) {
  auto net = create("mlp", {{"sizes", "[4, 3, 2]"}});
  EXPECT_EQ(net->module().parameter_count(), 23);
  EXPECT_EQ((*net)({zeros({5, 4})}).shape(), (Shape{5, 2}));
  EXPECT_ERROR((*net)({}), kInvalidArgument, "mlp: got 0 inputs, expected 1");
  EXPECT_EQ(create("resnet20", {{"shortcut", "b"}})->module().parameter_count(), 272'474);
  EXPECT_ERROR(create("resnet19"), kInvalidArgument,
               "model: there is no model 'resnet19', did you mean 'resnet18'?");
  EXPECT_ERROR(create("lenet", {{"clases", "5"}}), kInvalidArgument,
               "lenet: there is no option 'clases', did you mean 'classes'?");
  EXPECT_ERROR(create("lenet", {{"classes", "ten"}}), kInvalidArgument,
               "lenet: option 'classes' cannot be 'ten'");
}

}  // namespace
}  // namespace suan::models
