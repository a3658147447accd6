// The places of elements add up from one table for each dimension.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/packed_form.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "suan/base/threads.h"

namespace suan {
namespace {

constexpr size_t kMaxDims = 12;
constexpr int64_t kMaxElements = int64_t{1} << 40;

// What each index of dimension d adds to the place of an element in the packed array.
std::vector<int64_t> places(const PackedForm& form, size_t d) {
  std::vector<int64_t> table(static_cast<size_t>(form.dims[d]));
  for (size_t i = 0; i < table.size(); ++i) {
    auto left = static_cast<int64_t>(i);
    int64_t inner = 1;
    for (size_t b = form.blocks.size(); b-- > 0;) {
      const PackedForm::Block& block = form.blocks[b];
      if (block.dim == static_cast<int64_t>(d)) {
        table[i] += left % block.size * inner;
        left /= block.size;
      }
      inner *= block.size;
    }
    table[i] += left * form.strides[d];
  }
  return table;
}

class TextReader {
 public:
  explicit TextReader(std::string_view text) : text_(text) {}
  bool literal(std::string_view wanted) {
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(wanted.size());
    return true;
  }
  bool number(int64_t& value) {
    const auto result = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (result.ec != std::errc() || value < 0 || value > kMaxElements) return false;
    text_.remove_prefix(static_cast<size_t>(result.ptr - text_.data()));
    return true;
  }
  bool element(PackedForm& form) {
    if (!number(form.element_size)) return false;
    if (literal(" bytes, ")) return true;
    form.half = form.element_size == 4 && literal(" bits");
    form.element_size = 1;
    if (literal(" plus 8")) form.plus = 8;
    return form.half && literal(", ");
  }
  bool list(std::vector<int64_t>& values) {
    do {
      values.emplace_back();
      if (values.size() > kMaxDims || !number(values.back())) return false;
    } while (literal("x"));
    return true;
  }
  bool blocks(std::vector<PackedForm::Block>& values) {
    while (literal(" ")) {
      PackedForm::Block block;
      if (values.size() == kMaxDims || !number(block.size) || !literal(":") || !number(block.dim)) {
        return false;
      }
      values.push_back(block);
    }
    return true;
  }
  bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

// Whether the product of positive numbers stays within the bound.
bool add_factor(int64_t& product, int64_t factor) {
  if (factor < 1 || product > kMaxElements / factor) return false;
  product *= factor;
  return true;
}

bool is_sound(const PackedForm& form) {
  const size_t rank = form.dims.size();
  const int64_t size = form.element_size;
  if (size != 1 && size != 2 && size != 4 && size != 8) return false;
  if (form.plain_strides.size() != rank || form.strides.size() != rank) return false;
  int64_t elements = 1, inner = 1;
  for (size_t d = 0; d < rank; ++d) {
    if (!add_factor(elements, form.dims[d])) return false;
  }
  for (const PackedForm::Block& block : form.blocks) {
    if (block.dim >= static_cast<int64_t>(rank) || !add_factor(inner, block.size)) return false;
  }
  // The last place must not overflow either.
  for (size_t d = 0; d < rank; ++d) {
    const int64_t last = form.dims[d] - 1;
    if (last == 0) continue;
    if (form.strides[d] > kMaxElements / last || form.plain_strides[d] > kMaxElements / last) {
      return false;
    }
  }
  return true;
}

// `packed(i)` gives element i of the packed array.
template <class T, class F>
void unpack_as(const PackedForm& form, const F& packed, T* plain) {
  std::vector<std::vector<int64_t>> tables;
  for (size_t d = 0; d < form.dims.size(); ++d) tables.push_back(places(form, d));
  const size_t last = form.dims.size() - 1;
  const int64_t row = form.dims[last], step = form.plain_strides[last];
  parallel_for(form.numel() / row, 4096 / std::min<int64_t>(row, 4096),
               [&](int64_t begin, int64_t end) {
                 for (int64_t r = begin; r < end; ++r) {
                   int64_t from = 0, to = 0, left = r;
                   for (size_t d = last; d-- > 0;) {
                     const int64_t i = left % form.dims[d];
                     left /= form.dims[d];
                     from += tables[d][static_cast<size_t>(i)];
                     to += i * form.plain_strides[d];
                   }
                   for (int64_t i = 0; i < row; ++i) {
                     plain[to + i * step] = packed(from + tables[last][static_cast<size_t>(i)]);
                   }
                 }
               });
}

template <class T>
void unpack_whole(const PackedForm& form, const void* packed, void* plain) {
  const auto* elements = static_cast<const T*>(packed);
  unpack_as(form, [elements](int64_t i) { return elements[i]; }, static_cast<T*>(plain));
}
void unpack_halves(const PackedForm& form, const void* packed, void* plain) {
  const auto* bytes = static_cast<const uint8_t*>(packed);
  const auto element = [&](int64_t i) {
    return static_cast<uint8_t>((bytes[i / 2] >> (i % 2 * 4) & 15) - form.plus);
  };
  unpack_as(form, element, static_cast<uint8_t*>(plain));
}

}  // namespace

int64_t PackedForm::numel() const {
  int64_t product = 1;
  for (int64_t size : dims) product *= size;
  return product;
}

std::string to_text(const PackedForm& form) {
  const std::string element = form.half ? fmt::format("4 bits{}", form.plus ? " plus 8" : "")
                                        : fmt::format("{} bytes", form.element_size);
  std::string text = fmt::format("{}, {} from {} to {}, blocks", element, fmt::join(form.dims, "x"),
                                 fmt::join(form.plain_strides, "x"), fmt::join(form.strides, "x"));
  for (const PackedForm::Block& block : form.blocks) {
    text += fmt::format(" {}:{}", block.size, block.dim);
  }
  return text;
}

std::optional<PackedForm> parse_packed_form(std::string_view text) {
  PackedForm form;
  TextReader reader(text);
  const bool read = reader.element(form) && reader.list(form.dims) && reader.literal(" from ") &&
                    reader.list(form.plain_strides) && reader.literal(" to ") &&
                    reader.list(form.strides) && reader.literal(", blocks") &&
                    reader.blocks(form.blocks) && reader.at_end();
  if (!read || !is_sound(form)) return std::nullopt;
  return form;
}

bool fits(const PackedForm& form, size_t packed_bytes, size_t plain_bytes) {
  const auto size = static_cast<size_t>(form.element_size);
  // Before any table is made: it is no longer than the plain array.
  if (static_cast<size_t>(form.numel()) > plain_bytes / size) return false;
  size_t packed = 1, plain = 1;
  for (size_t d = 0; d < form.dims.size(); ++d) {
    const std::vector<int64_t> table = places(form, d);
    packed += static_cast<size_t>(*std::max_element(table.begin(), table.end()));
    plain += static_cast<size_t>((form.dims[d] - 1) * form.plain_strides[d]);
  }
  return packed <= packed_bytes / size * (form.half ? 2 : 1) && plain <= plain_bytes / size;
}

void unpack(const PackedForm& form, const void* packed, void* plain) {
  if (form.half) return unpack_halves(form, packed, plain);
  switch (form.element_size) {
    case 1:
      return unpack_whole<uint8_t>(form, packed, plain);
    case 2:
      return unpack_whole<uint16_t>(form, packed, plain);
    case 4:
      return unpack_whole<uint32_t>(form, packed, plain);
    default:
      return unpack_whole<uint64_t>(form, packed, plain);
  }
}

}  // namespace suan
