// Modules: names, train and eval, the first program of the README, containers, loading.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "suan/suan.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

struct Net : nn::Module {
  nn::Conv2d conv{1, 4, {.kernel = 3, .padding = 1}};
  nn::Dropout drop_{0.5};
  nn::Linear head{4 * 4 * 4, 10};
  SUAN_MEMBERS(conv, drop_, head)
  Tensor operator()(const Tensor& x) { return head(drop_(flatten(max_pool2d(relu(conv(x)), 2)))); }
};

std::vector<std::string> names(nn::Module& module) {
  std::vector<std::string> out;
  for (const auto& s : module.named_states()) out.push_back(s.name);
  return out;
}

Tensor digits(int64_t n) {
  Array a(DType::f32, {n, 1, 8, 8});
  Random random(5);
  for (float& v : a.span<float>()) v = random.normal();
  return Tensor::from(a);
}

TEST(Module, StatesAreNamedByTheirPath) {
  Net net;
  EXPECT_EQ(names(net), (std::vector<std::string>{"conv.weight", "conv.bias", "drop.key",
                                                  "head.weight", "head.bias"}));
  EXPECT_EQ(net.parameters().size(), 4u);
  EXPECT_EQ(net.parameters()[3]->name(), "head.bias");
  EXPECT_EQ(net.parameter_count(), 4 * 9 + 4 + 64 * 10 + 10);
  EXPECT_EQ(net.conv.parameters()[0]->name(), "conv.weight");
}

TEST(Module, SequentialTakesModulesAndFunctions) {
  nn::Sequential net(nn::Linear(6, 5), relu, nn::Linear(5, 2, {.bias = false}));
  net.add([](const Tensor& x) { return x * 2.0; });
  EXPECT_EQ(names(net), (std::vector<std::string>{"0.weight", "0.bias", "2.weight"}));
  EXPECT_EQ(net(zeros({3, 6})).shape(), (Shape{3, 2}));
}

TEST(Module, TrainAndEvalAreTwoPrograms) {
  nn::seed(1);
  Net net;
  auto run = compile([&](const Tensor& x) { return net(x); });
  const Tensor x = digits(2);
  (void)run(x);
  (void)run(x);
  EXPECT_EQ(run.compile_count(), 1);
  net.eval();
  EXPECT_FALSE(net.conv.training());
  const double first = sum(run(x)).item();
  EXPECT_EQ(run.compile_count(), 2);
  EXPECT_EQ(sum(run(x)).item(), first);
  net.train();
  (void)run(x);
  EXPECT_EQ(run.compile_count(), 2);
}

TEST(Module, TheFirstProgramLearns) {
  nn::seed(3);
  Net net;
  optim::AdamW adamw{net.parameters(), {.lr = 1e-2f}};
  // NOLINTNEXTLINE(performance-unnecessary-value-param): as the README writes it
  auto step = compile([&](Tensor x, Tensor y) {
    Tensor loss = cross_entropy(net(x), y);
    adamw.step(grad(loss, net.parameters()));
    return loss;
  });
  const Tensor x = digits(8), y = Tensor::of<int64_t>({0, 1, 2, 3, 4, 5, 6, 7}, {8});
  for (int i = 0; i < 60; ++i) (void)step(x, y);
  net.eval();
  EXPECT_LT(cross_entropy(net(x), y).item(), 0.2);
  EXPECT_EQ(adamw.steps(), 60);
}

TEST(Module, SeedsGiveTheSameParameters) {
  nn::seed(9);
  nn::Linear a(4, 3);
  nn::seed(9);
  nn::Linear b(4, 3);
  nn::Linear c(4, 3);
  EXPECT_EQ(sum(square(a.weight->read() - b.weight->read())).item(), 0);
  EXPECT_GT(sum(square(a.weight->read() - c.weight->read())).item(), 0);
}

TEST(Module, StateDictsLoadBack) {
  Net a, b;
  formats::NamedArrays saved = nn::state_dict(a);
  nn::load_state_dict(b, saved);
  EXPECT_EQ(sum(square(a.head.weight->read() - b.head.weight->read())).item(), 0);
  saved.erase(saved.begin() + 2);  // the key of the dropout may be missing
  EXPECT_NO_THROW(nn::load_state_dict(b, saved));
  saved.push_back({"extra", Array::of<float>(std::vector<float>{1}, {1})});
  EXPECT_ERROR(nn::load_state_dict(b, saved), kInvalidArgument, "load: the model has no 'extra'");
  saved.pop_back();
  saved[0].array.shape = {36, 1};
  EXPECT_ERROR(nn::load_state_dict(b, saved), kInvalidArgument,
               "load: 'conv.weight' is f32[36, 1], expected f32[4, 1, 3, 3]");
  saved.erase(saved.begin());
  EXPECT_ERROR(nn::load_state_dict(b, saved), kInvalidArgument,
               "load: there is no 'conv.weight' to load");
}

TEST(Module, BadSizesAreRefused) {
  EXPECT_ERROR(nn::Linear(0, 3), kInvalidArgument,
               "Linear: got 0 inputs and 3 outputs, expected 1 or more");
  EXPECT_ERROR(nn::Conv2d(4, 6, {.kernel = 3, .groups = 4}), kInvalidArgument,
               "Conv2d: 4 groups do not divide 4 input and 6 output channels");
  EXPECT_ERROR(nn::Conv2d(4, 6, {.kernel = {3, 3, 3}}), kInvalidArgument,
               "nn: got 3 sizes, expected 2");
  EXPECT_ERROR(nn::Dropout(1.0), kInvalidArgument,
               "Dropout: got probability 1, expected 0 <= p < 1");
  EXPECT_ERROR(nn::activation("rleu"), kInvalidArgument,
               "activation: there is no 'rleu', expected one of relu, gelu, gelu_tanh, silu, "
               "sigmoid, tanh, softplus, softsign, identity");
}

TEST(Conv, TransposedConvolutionHasPyTorchsSize) {
  nn::ConvTranspose2d up(3, 6, {.kernel = 3, .stride = 2, .padding = 1, .output_padding = 1});
  EXPECT_EQ(up.weight->type().shape, (Shape{3, 6, 3, 3}));
  EXPECT_EQ(up(zeros({2, 3, 5, 7})).shape(), (Shape{2, 6, 10, 14}));
  nn::ConvTranspose1d line(4, 6, {.kernel = 3, .stride = 2, .dilation = 2, .groups = 2});
  EXPECT_EQ(line.weight->type().shape, (Shape{4, 3, 3}));
  EXPECT_EQ(line(zeros({2, 4, 5})).shape(), (Shape{2, 6, 13}));
  nn::ConvTranspose3d volume(2, 3, {.kernel = {1, 2, 3}, .bias = false});
  EXPECT_EQ(volume(zeros({1, 2, 4, 4, 4})).shape(), (Shape{1, 3, 4, 5, 6}));
  EXPECT_ERROR(up(zeros({3, 5, 7})), kInvalidArgument,
               "ConvTranspose2d: got shape [3, 5, 7], expected 4 axes");
}

TEST(Pool, AverageLayersHavePyTorchsSizesAndValues) {
  const Tensor x = Tensor::of<float>({1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 1, 3, 3});
  const Array y = nn::AvgPool2d(2, {.stride = 1})(x).array();
  EXPECT_EQ(std::vector<float>(y.as<float>(), y.as<float>() + 4), (std::vector<float>{3, 4, 6, 7}));
  EXPECT_EQ(nn::AvgPool2d(3, {.padding = 1})(x).shape(), (Shape{1, 1, 1, 1}));
  EXPECT_EQ(nn::AdaptiveAvgPool2d(2)(x).shape(), (Shape{1, 1, 2, 2}));
  EXPECT_NEAR(nn::GlobalAvgPool()(x).item(), 5, 1e-6);
  EXPECT_ERROR(nn::AvgPool2d(0), kInvalidArgument, "AvgPool2d: got kernel 0, expected 1 or more");
  EXPECT_ERROR(nn::AdaptiveAvgPool2d(0), kInvalidArgument,
               "AdaptiveAvgPool2d: got size 0, expected 1 or more");
  EXPECT_ERROR(nn::GlobalAvgPool()(zeros({2, 3})), kInvalidArgument,
               "global_avg_pool: got shape [2, 3], expected at least 3 axes");
}

TEST(Dropout, KeepsTheMeanAndChangesEachStep) {
  nn::Dropout drop(0.25);
  auto run = compile([&](const Tensor& x) { return drop(x); });
  const Tensor x = ones({100, 100});
  const Tensor a = run(x);
  const Tensor b = run(x);
  EXPECT_NEAR(mean(a).item(), 1.0, 0.02);
  EXPECT_GT(mean(square(a - b)).item(), 0.1);
}

}  // namespace
}  // namespace suan
