// Text files, vocabularies and labelled sentences.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/text.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

TEST(Text, ReadsUtf8AndRefusesTheRest) {
  const TempFolder folder;
  const std::string good = "a\xc3\xa9\xe7\xae\x97\xf0\x9f\x98\x80";
  EXPECT_EQ(read_text(folder.file("a", good)), good);
  for (const std::string bad : {"ok\xff", "ok\xc0\x80", "ok\xe0\x80\x80", "ok\xed\xa0\x80",
                                "ok\xf4\x90\x80\x80", "ok\xe7\xae", "ok\x80"}) {
    const std::string path = folder.file("b", bad);
    EXPECT_ERROR(read_text(path), kBadFile, path + ": is not valid UTF-8 at byte 2");
  }
  EXPECT_ERROR(read_text(folder.file("a", "12345"), 4), kBadFile,
               folder / "a" + ": has 5 bytes, at most 4 are read");
}

TEST(Text, AVocabularyNumbersCharactersAndBack) {
  const CharVocabulary vocabulary = CharVocabulary::of(
      "b\xe7\xae\x97"
      "ab");
  EXPECT_EQ(vocabulary.characters(), (std::vector<std::string>{"a", "b", "\xe7\xae\x97"}));
  const Array tokens = vocabulary.encode("ba\xe7\xae\x97");
  EXPECT_EQ(tokens.dtype, DType::i32);
  EXPECT_EQ(tokens.as<int32_t>()[2], 2);
  const std::vector<int64_t> back{1, 0, 2};
  EXPECT_EQ(vocabulary.decode(back), "ba\xe7\xae\x97");
  EXPECT_EQ(CharVocabulary(vocabulary.characters()).encode("b").as<int32_t>()[0], 1);
}

TEST(Text, NamesCharactersAndTokensOutsideTheVocabulary) {
  const CharVocabulary vocabulary = CharVocabulary::of("ab");
  EXPECT_ERROR(vocabulary.encode("abc"), kOutOfRange,
               "text: the character 'c' at byte 2 is not in the vocabulary");
  const std::vector<int64_t> outside{2};
  EXPECT_ERROR(vocabulary.decode(outside), kOutOfRange,
               "text: the token 2 is outside the vocabulary of 2");
  EXPECT_ERROR(CharVocabulary({"a", "a"}), kInvalidArgument,
               "vocabulary: 'a' is not one character, or is there twice");
  EXPECT_ERROR(CharVocabulary({"ab"}), kInvalidArgument,
               "vocabulary: 'ab' is not one character, or is there twice");
}

TEST(Text, ReadsLabelledSentencesAndChecksLabels) {
  const TempFolder folder;
  const LabelledText text = read_labelled_text(folder.file("a", "it 's \"good\"\t1\nno\t0\n"), 2);
  EXPECT_EQ(text.texts, (std::vector<std::string>{"it 's \"good\"", "no"}));
  EXPECT_EQ(text.labels, (std::vector<int64_t>{1, 0}));
  const std::string path = folder.file("b", "no\t0\nyes\t2\n");
  EXPECT_ERROR(read_labelled_text(path, 2), kOutOfRange,
               path + ": line 2: the label 2 is out of range for 2 classes");
  folder.file("b", "a\tb\n");
  EXPECT_ERROR(read_labelled_text(path), kBadFile,
               path + ": line 1: column 'label' holds 'b', expected a whole number");
  folder.file("b", "a\tb\t1\n");
  EXPECT_ERROR(read_labelled_text(path), kBadFile,
               path + ": line 1: got 3 fields, expected a text and a label");
}

TEST(Text, ReadsSst2) {
  const char* root = std::getenv("SUAN_DATA");
  if (!root) GTEST_SKIP() << "SUAN_DATA is not set";
  const LabelledText dev = read_labelled_text(std::string(root) + "/text/sst2/dev.tsv", 2);
  EXPECT_EQ(dev.texts.size(), 872u);
}

}  // namespace
}  // namespace suan::formats
