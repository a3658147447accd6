// PackedForm: how a dense array lies in memory as blocks of its dimensions, padded to whole blocks:
// the form in which libraries read weights, written down so that it can be undone.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace suan {

// Element (i_0, ..., i_n) lies at sum i_d * plain_strides[d] of the plain array. Of the packed one,
// i_d falls apart into its places in the inner blocks of dimension d and the number of the outer
// block, which counts strides[d]; the inner blocks lie densely, the last one innermost. All strides
// are in elements.
struct PackedForm {
  struct Block {
    int64_t size = 1;
    int64_t dim = 0;
    bool operator==(const Block&) const = default;
  };
  int64_t element_size = 0;  // bytes
  // Elements of one byte may be packed as 4 bits, the value plus `plus` (8 where it has a sign): a
  // byte has two, the first one in its lower half.
  bool half = false;
  int64_t plus = 0;
  std::vector<int64_t> dims, plain_strides, strides;
  std::vector<Block> blocks;
  bool operator==(const PackedForm&) const = default;

  int64_t numel() const;
};

// "4 bytes, 64x3 from 3x1 to 192x16, blocks 16:0" ("4 bits plus 8, ..."), and its inverse: nothing
// where the text is none, or no array of up to 2^40 elements lies that way.
std::string to_text(const PackedForm& form);
std::optional<PackedForm> parse_packed_form(std::string_view text);

// Whether all elements lie within this many bytes, packed and plain.
bool fits(const PackedForm& form, size_t packed_bytes, size_t plain_bytes);
// Undoes packing. The form fits the two blocks.
void unpack(const PackedForm& form, const void* packed, void* plain);

}  // namespace suan
