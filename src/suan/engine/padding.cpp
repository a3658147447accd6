// Reading pad rules, and copying corners.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/padding.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "suan/base/error.h"

namespace suan {
namespace {

int64_t parse_bound(std::string_view text, std::string_view rule) {
  int64_t bound = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bound);
  if (error != std::errc() || end != text.data() + text.size() || bound < 1) {
    fail("--pad", "'{}' has the bound '{}', expected a number from 1 on", rule, text);
  }
  return bound;
}

// What lies before the first `separator` goes from the front of `text`, with it.
std::string_view take(std::string_view& text, char separator) {
  const size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

}  // namespace

PadRule parse_pad_rule(std::string_view text) {
  PadRule rule;
  std::string_view rest = text;
  std::string_view mask = take(rest, ':');
  if (text.find(':') != std::string_view::npos) rule.bound = parse_bound(rest, text);
  const bool masked = mask.find('=') != std::string_view::npos;
  std::string_view symbols = take(mask, '=');
  rule.mask = mask;
  bool empty = masked && mask.empty();
  for (bool more = true; more;) {
    more = symbols.find('+') != std::string_view::npos;
    rule.symbols.emplace_back(take(symbols, '+'));
    empty = empty || rule.symbols.back().empty();
  }
  if (empty) fail("--pad", "got '{}', expected SYMBOL, SYMBOL=MASK or SYMBOL=MASK:BOUND", text);
  return rule;
}

int64_t bucket_of(int64_t size) {
  if (size <= 8) return size;
  const auto below = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(size - 1)));
  const int64_t step = below / 4;
  return (size + step - 1) / step * step;
}

void copy_corner(const void* from, const Shape& from_shape, void* to, const Shape& to_shape,
                 size_t element) {
  // The axes from `inner` on are the same, so one copy takes them and what is common of the axis
  // before.
  int inner = from_shape.rank();
  while (inner > 0 && from_shape[inner - 1] == to_shape[inner - 1]) --inner;
  const auto block = static_cast<size_t>(from_shape.numel(inner, from_shape.rank())) * element;
  if (inner == 0) {
    if (block) std::memcpy(to, from, block);
    return;
  }
  Shape index = Shape::filled(inner - 1, 0), outer = index;
  for (int i = 0; i < inner - 1; ++i) outer[i] = std::min(from_shape[i], to_shape[i]);
  const int64_t from_row = from_shape[inner - 1], to_row = to_shape[inner - 1];
  const size_t bytes = static_cast<size_t>(std::min(from_row, to_row)) * block;
  if (outer.numel() == 0 || bytes == 0) return;
  do {
    int64_t from_at = 0, to_at = 0;
    for (int i = 0; i < inner - 1; ++i) {
      from_at = from_at * from_shape[i] + index[i];
      to_at = to_at * to_shape[i] + index[i];
    }
    std::memcpy(static_cast<char*>(to) + static_cast<size_t>(to_at * to_row) * block,
                static_cast<const char*>(from) + static_cast<size_t>(from_at * from_row) * block,
                bytes);
  } while (next_index(index, outer));
}

}  // namespace suan
