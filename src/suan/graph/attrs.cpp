// Printing and parsing of single attribute values.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/attrs.h"

#include <fmt/core.h>

#include <charconv>

namespace suan {
namespace {

template <class Range>
void print_list(std::string& out, const Range& values) {
  out += '[';
  bool first = true;
  for (const auto& v : values) {
    if (!first) out += ", ";
    first = false;
    print_value(out, v);
  }
  out += ']';
}

constexpr size_t kMaxListLength = 1 << 20;

template <class T>
bool parse_list(std::string_view& text, std::vector<T>& values) {
  values.clear();
  if (!parse_literal(text, "[")) return false;
  skip_space(text);
  if (parse_literal(text, "]")) return true;
  while (values.size() < kMaxListLength) {
    T v{};
    if (!parse_value(text, v)) return false;
    values.push_back(v);
    skip_space(text);
    if (parse_literal(text, "]")) return true;
    if (!parse_literal(text, ",")) return false;
    skip_space(text);
  }
  return false;
}

template <class T>
bool parse_number(std::string_view& text, T& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(result.ptr - text.data()));
  return true;
}

}  // namespace

void skip_space(std::string_view& text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
}

bool parse_literal(std::string_view& text, std::string_view literal) {
  if (!text.starts_with(literal)) return false;
  text.remove_prefix(literal.size());
  return true;
}

std::string_view parse_word(std::string_view& text) {
  size_t n = 0;
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  while (n < text.size() && is_word(text[n])) ++n;
  const std::string_view word = text.substr(0, n);
  text.remove_prefix(n);
  return word;
}

void print_value(std::string& out, int64_t value) { out += std::to_string(value); }
void print_value(std::string& out, int value) { out += std::to_string(value); }
void print_value(std::string& out, bool value) { out += value ? "true" : "false"; }
void print_value(std::string& out, double value) { out += fmt::format("{}", value); }
void print_value(std::string& out, DType value) { out += name(value); }
void print_value(std::string& out, const Shape& value) { out += to_string(value); }
void print_value(std::string& out, const std::vector<int64_t>& value) { print_list(out, value); }
void print_value(std::string& out, const std::vector<double>& value) { print_list(out, value); }
void print_value(std::string& out, const std::string& value) {
  out += '"';
  for (char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  out += '"';
}

bool parse_value(std::string_view& text, int64_t& value) { return parse_number(text, value); }
bool parse_value(std::string_view& text, int& value) { return parse_number(text, value); }
bool parse_value(std::string_view& text, double& value) { return parse_number(text, value); }
bool parse_value(std::string_view& text, bool& value) {
  value = text.starts_with("true");
  return parse_literal(text, "true") || parse_literal(text, "false");
}
bool parse_value(std::string_view& text, DType& value) {
  const auto dtype = parse_dtype(parse_word(text));
  if (dtype) value = *dtype;
  return dtype.has_value();
}
bool parse_value(std::string_view& text, std::vector<int64_t>& value) {
  return parse_list(text, value);
}
bool parse_value(std::string_view& text, std::vector<double>& value) {
  return parse_list(text, value);
}
bool parse_value(std::string_view& text, Shape& value) {
  value = Shape();
  if (!parse_literal(text, "[")) return false;
  skip_space(text);
  if (parse_literal(text, "]")) return true;
  while (value.rank() < kMaxRank) {
    int64_t size = 0;
    if (!parse_number(text, size)) {
      const std::string_view word = parse_word(text);
      if (word.empty()) return false;
      size = symbol(word);
    } else if (size < 0) {
      return false;  // negative numbers are symbols inside, never in text
    }
    value.push_back(size);
    skip_space(text);
    if (parse_literal(text, "]")) return true;
    if (!parse_literal(text, ",")) return false;
    skip_space(text);
  }
  return false;
}
bool parse_value(std::string_view& text, std::string& value) {
  value.clear();
  if (!parse_literal(text, "\"")) return false;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return true;
    if (c == '\\' && !text.empty()) {
      c = text.front() == 'n' ? '\n' : text.front();
      text.remove_prefix(1);
    }
    value += c;
  }
  return false;
}
bool parse_enum(std::string_view& text, std::span<const std::string_view> names, size_t& index) {
  const std::string_view word = parse_word(text);
  for (index = 0; index < names.size(); ++index) {
    if (names[index] == word) return true;
  }
  return false;
}

}  // namespace suan
