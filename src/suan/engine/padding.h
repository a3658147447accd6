// Padding: which sizes share a program (buckets), what a user says about an axis (PadRule), and
// copying between a tensor and the larger one that holds it in its leading corner.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/shape.h"

namespace suan {

// An axis of a model's inputs that may be padded with zeros up to a bucket's size.
struct PadRule {
  // Names of open sizes of the model's inputs that are always the same. An unnamed one is called
  // after its input and axis: "ids_1".
  std::vector<std::string> symbols;
  // The input whose zeros say which elements do not count; empty: the axis must be proven
  // independent (engine/independence.h).
  std::string mask;
  int64_t bound = 0;  // no size is larger; 0: not known
};
// "SYMBOL[+SYMBOL...][=MASK][:BOUND]": "seq=attention_mask:128", "batch". Throws Error.
PadRule parse_pad_rule(std::string_view text);

// The size that stands for all sizes down to the next smaller bucket: every size up to 8, then four
// steps from each power of two to the next, so that less than a quarter is padding.
int64_t bucket_of(int64_t size);

// Copies elements of `element` bytes whose index is within both shapes, row-major on both sides.
void copy_corner(const void* from, const Shape& from_shape, void* to, const Shape& to_shape,
                 size_t element);

}  // namespace suan
