// Masks: which elements of weights are zero and stay so. Sparsity of single elements, 2:4 or blocks
// makes a model smaller to store and shows what accuracy it costs; no kernel of the CPU or GPU
// backend skips the zeros, so it saves no time. Removing channels does (compress/channels.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/array.h"

namespace suan::compress {

// The shape in which zeros come. A weight [out, in, kernel...] is divided into units; cutting a
// unit sets some of its elements to zero.
class MaskPattern {
 public:
  virtual ~MaskPattern() = default;
  virtual int64_t units(const Shape& weight) const = 0;  // 0: it cannot have this pattern
  // How much is lost when unit `u` is cut. Scores are those of the elements.
  virtual double loss(const Array& scores, int64_t u) const = 0;
  virtual bool is_cut(const Array& mask, int64_t u) const = 0;
  virtual void cut(const Array& scores, int64_t u, Array& mask) const = 0;
  // The share of elements that are zero when all units are cut.
  virtual double most() const { return 1; }
};

// element: single ones. 2:4: two of four that follow each other along axis 1 (the input channels),
// of which a weight must have a multiple of four. block: rows x columns of the weight as a matrix
// [out, in kernel...]; those at the edges are smaller. Throws Error for another name and for a
// block without elements.
std::unique_ptr<MaskPattern> make_mask_pattern(std::string_view name, int64_t rows,
                                               int64_t columns);

// Cuts units with the least loss until `share` of them, to the nearest, are cut; those that are
// stay so. Masks (boolean) and scores (f32) have the weights' shapes. `global`: of all units
// together, else of each weight.
void cut_units(const MaskPattern& pattern, std::span<const Array> scores, std::span<Array> masks,
               double share, bool global);

}  // namespace suan::compress
