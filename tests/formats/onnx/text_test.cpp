// Operators on texts: what ONNX's own suite does not try, and what each refuses.
// SPDX-License-Identifier: Apache-2.0
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

Texts result(const OneNode& node) { return OneNode::texts(node.run()[0]); }

TEST(OnnxText, ConcatenatesWithBroadcasting) {
  const OneNode node{"StringConcat", {texts({"a", "b"}, {2, 1}), texts({"x", "", "é"}, {3})}};
  EXPECT_EQ(result(node), (Texts{"ax", "a", "aé", "bx", "b", "bé"}));
  expect_error({"StringConcat", {texts({"a"}, {1}), numbered({1})}},
               "StringConcat: input 1 is f32, expected text");
}

TEST(OnnxText, SplitsAtSpaceAndAtDelimiters) {
  OneNode node{"StringSplit", {texts({" a  b\tc ", "", "d"}, {3})}, {}, 20, 2};
  EXPECT_EQ(result(node), (Texts{"a", "b", "c", "", "", "", "d", "", ""}));
  expect_near(node.run()[1], "i64[3]", {3, 0, 1});
  node.attributes["maxsplit"] = int64_t{1};
  EXPECT_EQ(result(node), (Texts{"a", "b\tc", "", "", "d", ""}));
  node.attributes["delimiter"] = "  ";
  EXPECT_EQ(result(node), (Texts{" a", "b\tc ", "", "", "d", ""}));
  expect_near(node.run()[1], "i64[3]", {2, 1, 1});
  node.attributes["maxsplit"] = int64_t{-1};
  expect_error(node, "StringSplit: maxsplit is -1, expected at least 0");
}

TEST(OnnxText, MatchesPatternsInLinearTime) {
  OneNode node{"RegexFullMatch",
               {texts({"aab", "ab", "é", std::string(20000, 'a')}, {4})},
               {{"pattern", "(a+)+b|\\pL"}}};
  expect_near(node.run()[0], "bool[4]", {1, 1, 1, 0});
  node.attributes["pattern"] = "(a";
  expect_error(node, "RegexFullMatch: pattern '(a': missing ): (a");
}

TEST(OnnxText, NormalizesWords) {
  OneNode node{"StringNormalizer",
               {texts({"Äpfel", "UND", "und", "straße"}, {4})},
               {{"stopwords", Texts{"und"}}, {"case_change_action", "UPPER"}}};
  EXPECT_EQ(result(node), (Texts{"ÄPFEL", "STRAßE"}));
  node.attributes["is_case_sensitive"] = int64_t{1};
  EXPECT_EQ(result(node), (Texts{"ÄPFEL", "UND", "STRAßE"}));
  node.attributes["locale"] = "tr_TR";
  expect_error(node, "StringNormalizer: the letter cases of locale 'tr_TR' are not supported");
  node.attributes = {{"case_change_action", "TITLE"}};
  expect_error(node,
               "StringNormalizer: case_change_action is 'TITLE', expected NONE, LOWER or UPPER");
  node.inputs = {texts({"a", "b"}, {2, 1})};
  expect_error(node, "StringNormalizer: got [2, 1], expected [c] or [1, c]");
}

TEST(OnnxText, KeepsBytesThatAreNoCharacters) {
  const std::string broken = "a\xff\xc3(\xe0\x80\x80\xf0\x9f";
  const OneNode node{"StringNormalizer", {texts({broken}, {1})}, {{"case_change_action", "UPPER"}}};
  EXPECT_EQ(result(node), (Texts{"A\xff\xc3(\xe0\x80\x80\xf0\x9f"}));
}

OneNode n_grams(const std::string& mode) {
  return {"TfIdfVectorizer",
          {texts({"a", "b", "a", "c", "b", "b"}, {2, 3})},
          {{"mode", mode},
           {"min_gram_length", int64_t{1}},
           {"max_gram_length", int64_t{2}},
           {"max_skip_count", int64_t{1}},
           {"ngram_counts", Ints{0, 2}},
           {"ngram_indexes", Ints{2, 0, 1, 3}},
           {"pool_strings", Texts{"a", "b", "a", "b", "a", "a"}},
           {"weights", Floats{2, 3, 5, 7}}}};
}

TEST(OnnxText, CountsNGrams) {
  expect_near(n_grams("TF").run()[0], "f32[2, 4]", {1, 1, 2, 1, 2, 0, 0, 0});
  expect_near(n_grams("IDF").run()[0], "f32[2, 4]", {2, 3, 5, 7, 2, 0, 0, 0});
  expect_near(n_grams("TFIDF").run()[0], "f32[2, 4]", {2, 3, 10, 7, 4, 0, 0, 0});
}

TEST(OnnxText, RefusesNGramsThatDoNotFit) {
  const std::string op = "TfIdfVectorizer: ";
  const auto with = [](const std::string& name, Attribute value) {
    OneNode node = n_grams("TF");
    node.attributes[name] = std::move(value);
    return node;
  };
  expect_error(with("mode", "BM25"), op + "mode is 'BM25', expected TF, IDF or TFIDF");
  expect_error(with("ngram_counts", Ints{0, 9}), op + "1-grams lie at 0 to 9 of 6");
  expect_error(with("ngram_counts", Ints{0, 3}), op + "2-grams lie at 3 to 6 of 6");
  expect_error(with("ngram_indexes", Ints{0, 1, 2}),
               op + "there are more n-grams than the 3 indexes");
  expect_error(with("ngram_indexes", Ints{0, 1, 2, -1}), op + "an n-gram's index is -1");
  expect_error(with("pool_int64s", Ints{1}), op + "expected either pool_strings or pool_int64s");
  expect_error(with("max_skip_count", int64_t{-1}),
               op + "got n-grams of 1 to 2 elements and -1 skips");
  OneNode short_weights = n_grams("IDF");
  short_weights.attributes["weights"] = Floats{1};
  expect_error(short_weights, op + "got 1 weights, expected 4");
}

}  // namespace
}  // namespace suan::onnx
