// Metrics on small tables worked out by hand.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/metrics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "suan/train/evaluation.h"
#include "tests/expect_error.h"

namespace suan::train {
namespace {

Array floats(std::vector<float> v, Shape shape) { return Array::of<float>(v, shape); }
Array labels(std::vector<int64_t> v) {
  const auto n = static_cast<int64_t>(v.size());
  return Array::of<int64_t>(v, {n});
}

TEST(Accuracy, CountsTheTopClasses) {
  const Array logits = floats({1, 2, 3, 3, 2, 1, 0, 5, 0, 1, NAN, 0}, {4, 3});
  Accuracy one, two(2), ignoring(1, 0);
  for (Accuracy* a : {&one, &two, &ignoring}) a->add(logits, labels({1, 0, 0, 1}));
  EXPECT_EQ(one.value(), 0.25);
  EXPECT_EQ(two.value(), 0.75);
  EXPECT_EQ(ignoring.count(), 2);
  EXPECT_TRUE(std::isnan(Accuracy().value()));
}

TEST(Accuracy, RefusesWhatDoesNotFit) {
  Accuracy a;
  EXPECT_ERROR(a.add(floats({1, 2}, {1, 2}), labels({2})), kOutOfRange,
               "metrics: label 2 at row 0 is outside [0, 2)");
  EXPECT_ERROR(a.add(floats({1, 2}, {1, 2}), labels({0, 1})), kInvalidArgument,
               "metrics: labels are i64[2], expected i64 or i32 [1]");
  EXPECT_ERROR(a.add(labels({0}), labels({0})), kInvalidArgument,
               "metrics: logits are i64[1], expected floats [rows, classes]");
  EXPECT_ERROR(Accuracy(0), kInvalidArgument, "accuracy: top is 0, expected 1 or more");
}

TEST(ConfusionMatrix, GivesPrecisionRecallAndF1) {
  ConfusionMatrix m(3);
  m.add(0, 0);
  m.add(0, 1);
  m.add(1, 1);
  m.add(1, 1);
  m.add(floats({0, 3}, {1, 2}), labels({0}));
  EXPECT_EQ(m.at(0, 1), 2);
  EXPECT_DOUBLE_EQ(m.accuracy(), 0.6);
  EXPECT_DOUBLE_EQ(m.precision(1), 0.5);
  EXPECT_DOUBLE_EQ(m.recall(1), 1);
  EXPECT_DOUBLE_EQ(m.recall(0), 1.0 / 3);
  EXPECT_DOUBLE_EQ(m.f1(0), 0.5);
  EXPECT_DOUBLE_EQ(m.f1_macro(), (0.5 + 2.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(m.f1_micro(), 0.6);
  EXPECT_EQ(m.f1(2), 0);
  EXPECT_ERROR(m.add(3, 0), kOutOfRange, "confusion matrix: class 3 is outside [0, 3)");
}

TEST(Evaluation, NamesTheMetricsThatApply) {
  const Evaluation classes{
      .loss = 0.5, .accuracy = 0.75, .f1 = 0.7, .top_k = 5, .top_k_accuracy = 1};
  using Named = std::vector<std::pair<std::string, double>>;
  EXPECT_EQ(named_metrics(classes),
            (Named{{"accuracy", 0.75}, {"loss", 0.5}, {"f1", 0.7}, {"top5_accuracy", 1}}));
  EXPECT_EQ(named_metrics({.loss = 0, .perplexity = 1}), (Named{{"loss", 0}, {"perplexity", 1}}));
}

TEST(Perplexity, IsTheExponentOfTheLoss) { EXPECT_NEAR(perplexity(std::log(65)), 65, 1e-9); }

}  // namespace
}  // namespace suan::train
