// Operators of ai.onnx.ml. Expected numbers by hand.
// SPDX-License-Identifier: Apache-2.0
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

OneNode ml(const std::string& op, std::vector<Tensor> inputs, Attributes attributes = {},
           int outputs = 1, int64_t opset = 3) {
  return {op, std::move(inputs), std::move(attributes), opset, outputs, "ai.onnx.ml"};
}

TEST(OnnxMl, EncodesLabels) {
  const Attributes words{{"keys_strings", Texts{"a", "b", "a"}}, {"values_int64s", Ints{1, 2, 3}}};
  expect_near(ml("LabelEncoder", {texts({"b", "a", "z"}, {3})}, words).run()[0], "i64[3]",
              {2, 3, -1});
  const OneNode back =
      ml("LabelEncoder", {floats({1, NAN, 5}, {3})},
         {{"keys_floats", Floats{NAN, 1}}, {"values_strings", Texts{"none", "one"}}});
  EXPECT_EQ(OneNode::texts(back.run()[0]), (Texts{"one", "none", "_Unused"}));
  expect_error(ml("LabelEncoder", {ints({1})}, words), "LabelEncoder: got i64 for keys of string");
  expect_error(ml("LabelEncoder", {ints({1})}),
               "LabelEncoder: got 0 attributes keys_*, expected one");
  expect_error(
      ml("LabelEncoder", {ints({1})}, {{"keys_int64s", Ints{1, 2}}, {"values_int64s", Ints{1}}}),
      "LabelEncoder: got keys [2] and values [1], expected two lists of the same length");
}

TEST(OnnxMl, ComparesKeysInBlocks) {
  Ints keys, values;
  for (int64_t i = 0; i < 600; ++i) keys.push_back(i), values.push_back(10 * i);
  const OneNode node = ml("LabelEncoder", {ints({0, 255, 256, 599, 600})},
                          {{"keys_int64s", keys}, {"values_int64s", values}});
  expect_near(node.run()[0], "i64[5]", {0, 2550, 2560, 5990, -1});
}

TEST(OnnxMl, EncodesOneHot) {
  OneNode node = ml("OneHotEncoder", {ints({7, 5})}, {{"cats_int64s", Ints{5, 6}}});
  expect_near(node.run()[0], "f32[2, 2]", {0, 0, 1, 0});
  node.attributes["zeros"] = int64_t{0};
  expect_error(node, "OneHotEncoder: number of categories found 0 at position 0 is outside [1, 2]");
}

TEST(OnnxMl, ScalesNormalizesAndFillsIn) {
  const Tensor x = floats({1, -3, 0, 0}, {2, 2});
  expect_near(ml("Scaler", {x}, {{"offset", Floats{1, 2}}, {"scale", Floats{10}}}).run()[0],
              "f32[2, 2]", {0, -50, -10, -20});
  expect_near(ml("Normalizer", {x}, {{"norm", "L1"}}).run()[0], "f32[2, 2]", {0.25, -0.75, 0, 0});
  expect_near(ml("Normalizer", {x}).run()[0], "f32[2, 2]", {1, -3, 0, 0});
  expect_near(ml("Imputer", {x}, {{"imputed_value_floats", Floats{4, 5}}}).run()[0], "f32[2, 2]",
              {1, -3, 4, 5});
  expect_near(ml("FeatureVectorizer", {x, x}, {{"inputdimensions", Ints{1, 3}}}).run()[0],
              "f32[2, 4]", {1, 1, -3, 0, 0, 0, 0, 0});
  expect_error(ml("Scaler", {x}, {{"scale", Floats{1, 2, 3}}}),
               "Scaler: scale has 3 elements for [2, 2]");
  expect_error(ml("Normalizer", {x}, {{"norm", "L3"}}),
               "Normalizer: norm 'L3' is unknown, expected MAX, L1 or L2");
}

TEST(OnnxMl, ClassifiesByLines) {
  OneNode node = ml("LinearClassifier", {floats({1, 2, -1, 0}, {2, 2})},
                    {{"coefficients", Floats{1, 0, 0, 1}},
                     {"intercepts", Floats{0.5, 0}},
                     {"classlabels_strings", Texts{"no", "yes"}}},
                    2);
  EXPECT_EQ(OneNode::texts(node.run()[0]), (Texts{"yes", "yes"}));
  expect_near(node.run()[1], "f32[2, 2]", {1.5, 2, -0.5, 0});
  node.attributes["coefficients"] = Floats{1, 0};
  node.attributes["intercepts"] = Floats{0};
  node.attributes["post_transform"] = "LOGISTIC";
  EXPECT_EQ(OneNode::texts(node.run()[0]), (Texts{"yes", "no"}));
  const double p = 1 / (1 + std::exp(-1.0));
  expect_near(node.run()[1], "f32[2, 2]", {1 - p, p, p, 1 - p});
  node.attributes["post_transform"] = "CUBE";
  expect_error(node, "LinearClassifier: post_transform 'CUBE' is unknown");
  node.attributes["coefficients"] = Floats{1, 0, 3};
  expect_error(node, "LinearClassifier: got 3 coefficients for 1 targets of 2 features");
}

TEST(OnnxMl, ClassifiesBySupportVectors) {
  OneNode node = ml("SVMClassifier", {floats({0, 2}, {2, 1})},
                    {{"support_vectors", Floats{0, 2}},
                     {"coefficients", Floats{1, -1}},
                     {"vectors_per_class", Ints{1, 1}},
                     {"rho", Floats{0}},
                     {"classlabels_ints", Ints{4, 9}},
                     {"kernel_type", "RBF"},
                     {"kernel_params", Floats{0.5, 0, 0}}},
                    2);
  const double s = 1 - std::exp(-2.0);
  expect_near(node.run()[0], "i64[2]", {4, 9});
  expect_near(node.run()[1], "f32[2, 2]", {-s, s, s, -s});
  node.attributes["prob_a"] = Floats{-1};
  node.attributes["prob_b"] = Floats{0};
  const double p = 1 / (1 + std::exp(-s));
  expect_near(node.run()[1], "f32[2, 2]", {p, 1 - p, 1 - p, p}, 1e-2);
  node.attributes["vectors_per_class"] = Ints{1, int64_t{1} << 40};
  expect_error(node, "SVMClassifier: vectors_per_class has 1099511627776");
  node.attributes["vectors_per_class"] = Ints{1, 3};
  expect_error(
      node,
      "SVMClassifier: got 2 classes, vectors_per_class of 2 and 2 coefficients for 4 vectors");
}

// Two trees on one feature: x <= 1 ? (x <= 0 ? 1 : 2) : 4, and 10.
Attributes trees() {
  return {{"n_targets", int64_t{1}},
          {"nodes_treeids", Ints{0, 0, 0, 0, 0, 7}},
          {"nodes_nodeids", Ints{0, 1, 2, 3, 4, 0}},
          {"nodes_featureids", Ints{0, 0, 0, 0, 0, 0}},
          {"nodes_modes", Texts{"BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"}},
          {"nodes_values", Floats{1, 0, 0, 0, 0, 0}},
          {"nodes_truenodeids", Ints{1, 3, 0, 0, 0, 0}},
          {"nodes_falsenodeids", Ints{2, 4, 0, 0, 0, 0}},
          {"nodes_missing_value_tracks_true", Ints{0, 1, 0, 0, 0, 0}},
          {"target_treeids", Ints{0, 0, 0, 7}},
          {"target_nodeids", Ints{2, 3, 4, 0}},
          {"target_ids", Ints{0, 0, 0, 0}},
          {"target_weights", Floats{4, 1, 2, 10}}};
}

TEST(OnnxMl, FollowsTrees) {
  OneNode node = ml("TreeEnsembleRegressor", {floats({-1, 1, 2, NAN}, {4, 1})}, trees());
  expect_near(node.run()[0], "f32[4, 1]", {11, 12, 14, 14});
  node.attributes["base_values"] = Floats{0.5};
  node.attributes["aggregate_function"] = "AVERAGE";
  expect_near(node.run()[0], "f32[4, 1]", {6, 6.5, 7.5, 7.5});
  node.attributes["aggregate_function"] = "MIN";
  expect_near(node.run()[0], "f32[4, 1]", {1.5, 2.5, 4.5, 4.5});
}

TEST(OnnxMl, RefusesTreesThatLeadAstray) {
  const std::string op = "TreeEnsembleRegressor: ";
  const auto with = [](const std::string& name, Attribute value) {
    Attributes a = trees();
    a[name] = std::move(value);
    return ml("TreeEnsembleRegressor", {floats({-1, 1, 2}, {3, 1})}, a);
  };
  expect_error(with("nodes_truenodeids", Ints{1, 0, 0, 0, 0, 0}),
               op + "node 0 leads back to itself");
  expect_error(with("nodes_truenodeids", Ints{1, 9, 0, 0, 0, 0}), op + "tree 0 has no node 9");
  expect_error(with("nodes_featureids", Ints{0, 1, 0, 0, 0, 0}),
               op + "node 1 asks for feature 1 of 1");
  expect_error(with("nodes_featureids", Ints{0}),
               op + "nodes_featureids has 1 elements, expected 6");
  expect_error(with("nodes_nodeids", Ints{0, 1, 1, 3, 4, 0}), op + "tree 0 has node 1 twice");
  expect_error(with("nodes_modes", Texts{"XOR", "LEAF", "LEAF", "LEAF", "LEAF", "LEAF"}),
               op + "node mode 'XOR' is unknown");
  expect_error(with("target_ids", Ints{0, 0, -1, 0}), op + "a leaf votes for -1 of 1");
  expect_error(with("target_nodeids", Ints{2, 3, 5, 0}), op + "tree 0 has no node 5");
  expect_error(with("n_targets", int64_t{1} << 60),
               op + "got 1152921504606846976 targets for 3 rows");
}

Array doubles(const Floats& values) {
  return Array::of(std::span<const double>(values), {static_cast<int64_t>(values.size())});
}
OneNode branches(const Ints& yes, const Ints& yes_leaf) {
  const std::vector<uint8_t> modes{6, 0};
  return ml("TreeEnsemble", {cast(floats({3, 5, 8}, {3, 1}), DType::f64)},
            {{"n_targets", int64_t{2}},
             {"tree_roots", Ints{0}},
             {"nodes_modes", Array::of(std::span<const uint8_t>(modes), {2})},
             {"nodes_featureids", Ints{0, 0}},
             {"nodes_splits", doubles({0, 6})},
             {"nodes_truenodeids", yes},
             {"nodes_trueleafs", yes_leaf},
             {"nodes_falsenodeids", Ints{1, 2}},
             {"nodes_falseleafs", Ints{0, 1}},
             {"leaf_targetids", Ints{0, 1, 0}},
             {"leaf_weights", doubles({1, 2, 3})},
             {"membership_values", doubles({3, 4, NAN})}},
            1, 5);
}

TEST(OnnxMl, FollowsBranches) {
  expect_near(branches({0, 1}, {1, 1}).run()[0], "f64[3, 2]", {1, 0, 0, 2, 3, 0});
  expect_error(branches({0, 1}, {0, 1}), "TreeEnsemble: node 0 leads back to itself");
  expect_error(branches({0, 5}, {1, 1}), "TreeEnsemble: node 1 leads to a node that is not there");
  expect_error(branches({0, -1}, {1, 1}), "TreeEnsemble: a node leads to node -1");
}

TEST(OnnxMl, ClassifiesByTrees) {
  Attributes a = trees();
  for (const char* name : {"treeids", "nodeids", "ids", "weights"}) {
    a[std::string("class_") + name] = a[std::string("target_") + name];
    a.erase(std::string("target_") + name);
  }
  a.erase("n_targets");
  a["classlabels_strings"] = Texts{"low", "high"};
  a["class_weights"] = Floats{0.75, 0.25, 0.5, 0};
  const OneNode node = ml("TreeEnsembleClassifier", {floats({-1, 2}, {2, 1})}, a, 2);
  EXPECT_EQ(OneNode::texts(node.run()[0]), (Texts{"low", "high"}));
  expect_near(node.run()[1], "f32[2, 2]", {0.75, 0.25, 0.25, 0.75});
}

}  // namespace
}  // namespace suan::onnx
