// UTF-8 by hand: only lengths and validity are needed.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/text.h"

#include <map>

#include "suan/base/file.h"
#include "suan/formats/csv.h"
#include "suan/formats/internal/bytes.h"

namespace suan::formats {
namespace {

// Bytes of the character at the start of `text`, 0 when it is not valid UTF-8 (RFC 3629).
size_t character_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool outside = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
  return overlong || outside ? 0 : length;
}

// Calls f(character, its position) for every character.
template <class F>
void for_each_character(std::string_view text, std::string_view where, F&& f) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = character_length(text.substr(i, 4));
    if (length == 0) bad_file(where, "is not valid UTF-8 at byte {}", i);
    f(text.substr(i, length), i);
    i += length;
  }
}

}  // namespace

std::string read_text(const std::string& path, size_t limit) {
  std::string text = read_file(path, limit);
  for_each_character(text, path, [](std::string_view, size_t) {});
  return text;
}

CharVocabulary::CharVocabulary(std::vector<std::string> characters)
    : characters_(std::move(characters)) {
  for (const std::string& c : characters_) {
    if (c.empty() || character_length(c) != c.size() ||
        !numbers_.emplace(c, static_cast<int32_t>(numbers_.size())).second) {
      fail("vocabulary", "'{}' is not one character, or is there twice", c);
    }
  }
}

CharVocabulary CharVocabulary::of(std::string_view text) {
  std::map<std::string, bool, std::less<>> seen;  // UTF-8 sorts in code point order
  for_each_character(text, "text", [&](std::string_view c, size_t) {
    if (seen.find(c) == seen.end()) seen.emplace(c, true);
  });
  std::vector<std::string> characters;
  characters.reserve(seen.size());
  for (const auto& [c, _] : seen) characters.push_back(c);
  return CharVocabulary(std::move(characters));
}

Array CharVocabulary::encode(std::string_view text) const {
  std::vector<int32_t> tokens;
  tokens.reserve(text.size());
  std::string key;
  for_each_character(text, "text", [&](std::string_view c, size_t position) {
    const auto found = numbers_.find(key.assign(c));
    if (found == numbers_.end()) {
      fail(ErrorCode::kOutOfRange, "text", "the character '{}' at byte {} is not in the vocabulary",
           c, position);
    }
    tokens.push_back(found->second);
  });
  return Array::of<int32_t>(tokens, {static_cast<int64_t>(tokens.size())});
}

std::string CharVocabulary::decode(std::span<const int64_t> tokens) const {
  std::string text;
  for (int64_t token : tokens) {
    if (token < 0 || token >= size()) {
      fail(ErrorCode::kOutOfRange, "text", "the token {} is outside the vocabulary of {}", token,
           size());
    }
    text += characters_[static_cast<size_t>(token)];
  }
  return text;
}

LabelledText read_labelled_text(const std::string& path, int64_t classes) {
  const std::string text = read_text(path);
  CsvReader reader(text, path, '\t');
  LabelledText out;
  while (reader.next()) {
    if (reader.fields().size() != 2) {
      bad_file(path, "line {}: got {} fields, expected a text and a label", reader.line(),
               reader.fields().size());
    }
    const int64_t label = reader.integer(1, "label");
    if (label < 0 || (classes > 0 && label >= classes)) {
      fail(ErrorCode::kOutOfRange, path, "line {}: the label {} is out of range for {} classes",
           reader.line(), label, classes);
    }
    out.texts.emplace_back(reader.fields()[0]);
    out.labels.push_back(label);
  }
  return out;
}

}  // namespace suan::formats
