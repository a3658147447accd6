// Operators on texts. Graphs cannot compute with them, so all work on known values.
// SPDX-License-Identifier: Apache-2.0
#include <re2/re2.h>

#include <clocale>
#include <cwctype>
#include <memory>
#include <optional>
#include <unordered_set>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {
namespace {

Array known_texts(const NodeView& n, int i) {
  Array x = n.known(i);
  if (x.dtype != DType::string) n.fail("input {} is {}, expected text", i, name(x.dtype));
  return x;
}
std::string_view text(const Array& x, int64_t i) { return text_of(x.as<StringId>()[i]); }

Outputs string_concat(const NodeView& n) {
  const Array a = known_texts(n, 0), b = known_texts(n, 1);
  Array y(DType::string, broadcast_shapes(a.shape, b.shape, "StringConcat"));
  if (y.bytes() > n.limits().value_bytes) n.fail("the result {} is too large", to_string(y.shape));
  const auto position = [&](const Shape& index, const Shape& from) {
    const Shape strides = from.strides();
    int64_t at = 0;
    for (int i = 0, lead = index.rank() - from.rank(); i < from.rank(); ++i) {
      if (from[i] != 1) at += index[i + lead] * strides[i];
    }
    return at;
  };
  Shape index = Shape::filled(y.shape.rank(), 0);
  for (int64_t i = 0; i < y.numel(); ++i, next_index(index, y.shape)) {
    std::string joined(text(a, position(index, a.shape)));
    joined += text(b, position(index, b.shape));
    y.as<StringId>()[i] = intern(joined);
  }
  return {NodeView::constant(y)};
}

using Parts = std::vector<std::string_view>;

// At runs of white space, without any at the ends; after `most` splits the rest is one part.
Parts split_at_space(std::string_view text, int64_t most) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  Parts parts;
  for (size_t at = text.find_first_not_of(kSpace); at != std::string_view::npos;) {
    const size_t end = text.find_first_of(kSpace, at);
    if (static_cast<int64_t>(parts.size()) == most || end == std::string_view::npos) {
      const size_t last = text.find_last_not_of(kSpace);
      parts.push_back(text.substr(at, last + 1 - at));
      break;
    }
    parts.push_back(text.substr(at, end - at));
    at = text.find_first_not_of(kSpace, end);
  }
  return parts;
}

Parts split_at(std::string_view text, std::string_view delimiter, int64_t most) {
  Parts parts;
  for (;;) {
    const size_t end =
        static_cast<int64_t>(parts.size()) == most ? std::string_view::npos : text.find(delimiter);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + delimiter.size());
  }
}

Outputs string_split(const NodeView& n) {
  const Array x = known_texts(n, 0);
  const std::string delimiter = n.s("delimiter", "");
  const int64_t most = n.i("maxsplit", INT64_MAX);
  if (most < 0) n.fail("maxsplit is {}, expected at least 0", most);
  if (x.shape.rank() == kMaxRank) n.fail("got {}, expected fewer axes", to_string(x.shape));
  std::vector<Parts> all;
  Array counts(DType::i64, x.shape);
  int64_t width = 0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    all.push_back(delimiter.empty() ? split_at_space(text(x, i), most)
                                    : split_at(text(x, i), delimiter, most));
    counts.as<int64_t>()[i] = static_cast<int64_t>(all.back().size());
    width = std::max(width, counts.as<int64_t>()[i]);
  }
  if (width &&
      x.numel() > static_cast<int64_t>(n.limits().value_bytes / sizeof(StringId)) / width) {
    n.fail("{} x {} parts are too many", x.numel(), width);
  }
  Shape shape = x.shape;
  shape.push_back(width);
  Array parts(DType::string, shape);
  for (int64_t i = 0; i < x.numel(); ++i) {
    const Parts& p = all[static_cast<size_t>(i)];
    for (int64_t k = 0; k < width; ++k) {
      const bool there = k < static_cast<int64_t>(p.size());
      parts.as<StringId>()[i * width + k] = there ? intern(p[static_cast<size_t>(k)]) : StringId();
    }
  }
  return {NodeView::constant(parts), NodeView::constant(counts)};
}

Outputs regex_full_match(const NodeView& n) {
  const Array x = known_texts(n, 0);
  RE2::Options options;
  options.set_log_errors(false);
  const RE2 pattern(n.s("pattern", ""), options);  // its time is linear in the text's length
  if (!pattern.ok()) n.fail("pattern '{}': {}", pattern.pattern(), pattern.error());
  Array y(DType::boolean, x.shape);
  for (int64_t i = 0; i < x.numel(); ++i) {
    const std::string_view t = text(x, i);
    y.as<bool>()[i] = RE2::FullMatch(re2::StringPiece(t.data(), t.size()), pattern);
  }
  return {NodeView::constant(y)};
}

// The character at the front of UTF-8, which is taken off; none where it is ill-formed.
std::optional<char32_t> take_character(std::string_view& text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t size = 1;
  if (byte(0) >= 0xc2 && byte(0) < 0xe0) size = 2;
  if (byte(0) >= 0xe0 && byte(0) < 0xf0) size = 3;
  if (byte(0) >= 0xf0 && byte(0) < 0xf5) size = 4;
  if ((size == 1 && byte(0) >= 0x80) || size > text.size()) return {};
  char32_t c = size == 1 ? byte(0) : byte(0) & (0x7f >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    c = c << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kLeast[size] || c > 0x10ffff) return {};
  text.remove_prefix(size);
  return c;
}

void append_character(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  out += static_cast<char>((0xff00 >> (more + 1) & 0xff) | c >> (6 * more));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | (c >> (6 * i) & 0x3f));
}

// Every character in upper or lower case, by Unicode's rules of one character for one.
std::string cased(std::string_view text, bool upper) {
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  std::string out;
  while (!text.empty()) {
    const std::optional<char32_t> c = take_character(text);
    if (!c) {  // what is no character stays
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto w = static_cast<wint_t>(*c);
    if (*c < 0x80 || !unicode) {
      const bool turns = *c < 0x80 && (upper ? w >= 'a' && w <= 'z' : w >= 'A' && w <= 'Z');
      append_character(out, turns ? *c ^ 0x20 : *c);
    } else {
      append_character(out, upper ? towupper_l(w, unicode) : towlower_l(w, unicode));
    }
  }
  return out;
}

void check_locale(const NodeView& n) {
  const std::string language = n.s("locale", "en_US").substr(0, 2);
  if (language == "tr" || language == "az" || language == "lt") {
    n.fail("the letter cases of locale '{}' are not supported", n.s("locale", ""));
  }
}

Outputs string_normalizer(const NodeView& n) {
  const Array x = known_texts(n, 0);
  const int rank = x.shape.rank();
  if (!(rank == 1 || (rank == 2 && x.shape[0] == 1))) {
    n.fail("got {}, expected [c] or [1, c]", to_string(x.shape));
  }
  const std::string action = n.s("case_change_action", "NONE");
  if (action != "NONE" && action != "LOWER" && action != "UPPER") {
    n.fail("case_change_action is '{}', expected NONE, LOWER or UPPER", action);
  }
  check_locale(n);
  const bool sensitive = n.i("is_case_sensitive", 0) != 0;
  const auto key = [&](std::string_view t) { return sensitive ? std::string(t) : cased(t, false); };
  std::unordered_set<std::string> stop_words;
  for (const std::string& word : n.strings("stopwords")) stop_words.insert(key(word));
  std::vector<StringId> kept;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const std::string_view t = text(x, i);
    if (!stop_words.empty() && stop_words.contains(key(t))) continue;
    kept.push_back(intern(action == "NONE" ? std::string(t) : cased(t, action == "UPPER")));
  }
  if (kept.empty()) kept.emplace_back();
  Shape shape{static_cast<int64_t>(kept.size())};
  if (rank == 2) shape.insert(0, 1);
  return {NodeView::constant(Array::of(std::span<const StringId>(kept), shape))};
}

constexpr OperatorRule kRules[] = {
    {"RegexFullMatch", regex_full_match},
    {"StringConcat", string_concat},
    {"StringNormalizer", string_normalizer},
    {"StringSplit", string_split},
};

}  // namespace

std::span<const OperatorRule> text_rules() { return kRules; }

}  // namespace suan::onnx
