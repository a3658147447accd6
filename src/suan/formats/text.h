// Text for language models: files of valid UTF-8, the vocabulary of their characters, and labelled
// sentences.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "suan/base/array.h"

namespace suan::formats {

// The text of a file. Throws Error(kBadFile) when it is larger than `limit` or not UTF-8.
std::string read_text(const std::string& path, size_t limit = size_t{1} << 30);

// The characters (Unicode code points) of a text, numbered in code point order.
class CharVocabulary {
 public:
  static CharVocabulary of(std::string_view text);
  // From the characters in number order, as characters() gives them.
  explicit CharVocabulary(std::vector<std::string> characters);

  int64_t size() const { return static_cast<int64_t>(characters_.size()); }
  const std::vector<std::string>& characters() const { return characters_; }
  // i32 [characters]. Throws Error(kOutOfRange) for a character that is not in the vocabulary.
  Array encode(std::string_view text) const;
  // Throws Error(kOutOfRange) for a number outside [0, size()).
  std::string decode(std::span<const int64_t> tokens) const;

 private:
  std::vector<std::string> characters_;
  std::unordered_map<std::string, int32_t> numbers_;
};

struct LabelledText {
  std::vector<std::string> texts;
  std::vector<int64_t> labels;
};

// Rows of `text<TAB>label`, the label a whole number in [0, classes) when classes > 0. Throws
// Error(kBadFile) naming the line, Error(kOutOfRange) for a label outside.
LabelledText read_labelled_text(const std::string& path, int64_t classes = 0);

}  // namespace suan::formats
