// Layers in two factors: what they compute, their ranks, and trainings with them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/low_rank.h"

#include <gtest/gtest.h>

#include <cmath>

#include "suan/base/file.h"
#include "suan/compress/svd.h"
#include "suan/nn/conv.h"
#include "suan/nn/linear.h"
#include "suan/train/inference.h"
#include "suan/train/trainer.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::compress {
namespace {

double largest_difference(const Array& a, const Array& b) {
  double most = 0;
  for (int64_t i = 0; i < a.numel(); ++i) {
    most = std::max(most, std::abs(static_cast<double>(a.as<float>()[i]) - b.as<float>()[i]));
  }
  return most;
}

Svd svd_of(const StatePtr& weight) {
  const Array w = weight->array();
  const auto values = w.span<float>();
  return svd(std::vector<double>(values.begin(), values.end()), w.shape[0], w.numel() / w.shape[0]);
}

// Weights of a rank below the full one, so that two factors give the same and save.
void lower_rank(const StatePtr& weight, int64_t rank) {
  const Shape shape = weight->type().shape;
  const int64_t rows = shape[0], columns = shape.numel() / rows;
  const Array a = normal_array({rows, rank}, 1), b = normal_array({rank, columns}, 2, 0.2f);
  Array w(DType::f32, shape);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      float sum = 0;
      for (int64_t k = 0; k < rank; ++k) {
        sum += a.as<float>()[r * rank + k] * b.as<float>()[k * columns + c];
      }
      w.as<float>()[r * columns + c] = sum;
    }
  }
  weight->load(w);
}

TEST(LowRank, ALayerOfThatRankComputesTheSame) {
  const Tensor rows = normal_constant({5, 20}, 3), image = normal_constant({2, 6, 9, 9}, 4);
  nn::Linear linear(20, 16);
  lower_rank(linear.weight, 4);
  const Array before = linear(rows).array();
  EXPECT_EQ(factorise(linear, {.energy = 1 - 1e-9}), 1);
  EXPECT_EQ(linear.weight->type().shape, (Shape{4, 20}));
  EXPECT_EQ(linear.factor->type().shape, (Shape{16, 4}));
  EXPECT_LT(largest_difference(linear(rows).array(), before), 1e-5);

  for (const int kernel : {1, 3}) {
    nn::Conv2d conv(6, 12, {.kernel = kernel, .stride = 2, .padding = kernel / 2});
    lower_rank(conv.weight, 3);
    const Array expected = conv(image).array();
    EXPECT_EQ(factorise(conv, {.energy = 1 - 1e-9}), 1);
    EXPECT_EQ(conv.weight->type().shape, (Shape{3, 6, kernel, kernel}));
    EXPECT_EQ(conv.factor->type().shape, (Shape{12, 3, 1, 1}));
    EXPECT_LT(largest_difference(conv(image).array(), expected), 1e-5);
  }
}

TEST(LowRank, LosesTheTailOfTheSingularValues) {
  nn::Linear linear(30, 24, {.bias = false});
  const Svd d = svd_of(linear.weight);
  const Array unit = [] {
    Array x(DType::f32, {30, 30});
    std::fill_n(x.as<float>(), 900, 0.0f);
    for (int64_t i = 0; i < 30; ++i) x.as<float>()[i * 31] = 1;
    return x;
  }();
  const Array before = linear(Tensor::from(unit)).array();
  EXPECT_EQ(factorise(linear, {.flops = 0.5}), 1);
  const int64_t rank = linear.factor->type().shape[1];
  EXPECT_EQ(rank, 6);  // 6 * 54 <= 360 < 7 * 54
  const Array after = linear(Tensor::from(unit)).array();
  double lost = 0, tail = 0;
  for (int64_t i = 0; i < before.numel(); ++i) {
    lost += std::pow(static_cast<double>(before.as<float>()[i]) - after.as<float>()[i], 2);
  }
  for (size_t i = 6; i < d.s.size(); ++i) tail += d.s[i] * d.s[i];
  EXPECT_NEAR(std::sqrt(lost), std::sqrt(tail), 1e-5);
}

TEST(LowRank, ChoosesRanks) {
  const std::vector<double> s{3, 2, 1, 0};  // squares 9, 4, 1 of 14
  EXPECT_EQ(rank_for_energy(s, 9.0 / 14), 1);
  EXPECT_EQ(rank_for_energy(s, 0.65), 2);
  EXPECT_EQ(rank_for_energy(s, 13.0 / 14), 2);
  EXPECT_EQ(rank_for_energy(s, 1), 3);
  EXPECT_EQ(rank_for_energy(std::vector<double>{0, 0}, 0.9), 1);
  EXPECT_EQ(rank_for_flops(10, 10, 0.5), 2);  // 2 * 20 of 100
  EXPECT_EQ(rank_for_flops(10, 10, 0.6), 3);
  EXPECT_EQ(rank_for_flops(10, 10, 0.01), 1);
}

TEST(LowRank, LeavesLayersThatItWouldNotMakeSmaller) {
  nn::Linear linear(8, 8);
  EXPECT_EQ(factorise(linear, {.energy = 1}), 0);
  EXPECT_FALSE(linear.factor);
  nn::Conv2d grouped(8, 8, {.kernel = 3, .groups = 2});
  EXPECT_EQ(factorise(grouped, {.flops = 0.1}), 0);
  struct Tied : nn::Module {
    nn::Linear first{8, 8}, second{8, 8};
    SUAN_MEMBERS(first, second)
  } tied;
  tied.second.weight = tied.first.weight;
  EXPECT_EQ(factorise(tied, {.flops = 0.5}), 0);
}

train::Recipe recipe(const std::string& options, const std::vector<std::string>& settings = {}) {
  return train::parse_recipe(R"(
name = "small"
model = {name = "lenet", hidden = 16, filters = [4, 8]}
data = {kind = "digits", train_samples = 60, test_samples = 40, mean = [0.13], std = [0.31]}
optimizer = {name = "adamw", lr = 0.01}
train = {epochs = 3, batch = 20, eval_batch = 40, threads = 1}
[[technique]]
kind = "low_rank"
)" + options,
                             "small.toml", settings);
}

TEST(LowRank, TrainsResumesAndEvaluates) {
  const TempFolder folder;
  train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  train::Trainer whole(recipe("flops = 0.5"), options);
  const train::TrainSummary summary = whole.run();
  const std::string bytes = read_file(whole.folder().last());
  EXPECT_NE(bytes.find("\"fc1.factor\""), std::string::npos);
  options.until_epoch = 1;
  train::Trainer first(recipe("flops = 0.5"), options);
  const std::string path = first.folder().path();
  EXPECT_THROW(first.run(), Error);
  options.until_epoch = 0;
  train::Trainer(train::RunFolder::open(path), options).run();
  EXPECT_TRUE(read_file(train::RunFolder::open(path).last()) == bytes);

  train::LoadedRun loaded(train::RunFolder::open(summary.run));
  const train::Evaluation evaluation = loaded.evaluate(loaded.recipe());
  EXPECT_EQ(evaluation.accuracy, *summary.accuracy);
  const train::Recipe plain = train::parse_recipe(
      "model = {name = \"lenet\", hidden = 16, filters = [4, 8]}", "plain.toml");
  const Graph small = loaded.learner().eval_graph({DType::f32, {1, 1, 28, 28}});
  double flops = 0;
  for (const NodePtr& node : small.nodes()) flops += cost_of(*node).flops;
  // Convolutions of 28 * 28 * 4 * 9 and 14 * 14 * 8 * 36 products, and 16 * 392 + 160 more.
  EXPECT_LT(flops, 0.62 * 2 * (28224 + 56448 + 6272 + 160));
}

TEST(LowRank, BeginsWithTheWeightsOfARun) {
  const TempFolder folder;
  const train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  train::Recipe plain = recipe("flops = 0.5");
  plain.techniques.clear();
  const std::string from = train::Trainer(plain, options).run().run;
  train::Recipe low = recipe("energy = 0.5", {"train.from=" + from});
  const train::Task task = make_task(low);
  train::Learner learner(low, task);
  train::LoadedRun before((train::RunFolder::open(from)));
  const auto weight_of = [](train::Learner& l, const std::string& name) {
    for (const nn::NamedState& s : l.model().module().named_states()) {
      if (s.name == name) return s.state;
    }
    return StatePtr();
  };
  const Svd d = svd_of(weight_of(before.learner(), "fc1.weight"));
  const StatePtr factor = weight_of(learner, "fc1.factor");
  ASSERT_TRUE(factor);
  EXPECT_EQ(factor->type().shape, (Shape{16, rank_for_energy(d.s, 0.5)}));
}

TEST(LowRank, RefusesOptionsThatDoNotFit) {
  const auto made = [](const std::string& options) {
    make_low_rank(recipe(options).techniques.at(0).options);
  };
  EXPECT_ERROR(made(""), kInvalidArgument,
               "technique.low_rank: got neither energy nor flops, expected one of energy and flops "
               "above 0");
  EXPECT_ERROR(made("energy = 0.5\nflops = 0.5"), kInvalidArgument,
               "technique.low_rank: got both energy and flops, expected one of energy and flops "
               "above 0");
  EXPECT_ERROR(made("energy = 1.5"), kInvalidArgument,
               "technique.low_rank: energy is 1.5 and flops is 0, expected 0 to 1");
  const TempFolder folder;
  const train::TrainOptions options{.runs = folder / "runs", .quiet = true};
  EXPECT_ERROR(train::Trainer(recipe("energy = 1"), options), kInvalidArgument,
               "technique.low_rank: no layer of the model lenet gets smaller in two factors with "
               "energy = 1");
}

}  // namespace
}  // namespace suan::compress
