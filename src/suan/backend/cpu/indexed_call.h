// IndexedCall: what calls share that take rows by indices which are data: their sizes, and the
// indices checked. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/core.h>

#include "suan/backend/kernel.h"
#include "suan/base/error.h"

namespace suan::cpu {

// x [outer, size, inner] and count indices into its middle axis.
class IndexedCall : public Call {
 public:
  IndexedCall(const Node& node, int64_t axis)
      : node_(node),
        element_(size_of(node.types[0].dtype)),
        count_(node.inputs[1].shape().numel()) {
    const Shape& x = node.inputs[0].shape();
    const int a = normalize_axis(axis, x.rank(), "axis");
    size_ = x[a];
    outer_ = x.numel(0, a);
    inner_ = x.numel(a + 1, x.rank());
  }
  size_t scratch_bytes() const override { return static_cast<size_t>(count_) * sizeof(int64_t); }

 protected:
  // The indices as positions in [0, size), in scratch memory; null after reporting one outside.
  const int64_t* positions(const KernelArgs& args) const {
    auto* at = static_cast<int64_t*>(args.scratch);
    const bool wide = args.in[1].type.dtype == DType::i64;
    for (int64_t i = 0; i < count_; ++i) {
      const int64_t index = wide ? args.in[1].as<int64_t>()[i] : args.in[1].as<int32_t>()[i];
      if (index < -size_ || index >= size_) {
        args.errors.report(
            where_of(node_),
            fmt::format("index {} at position {} is outside [{}, {})", index, i, -size_, size_));
        return nullptr;
      }
      at[i] = index < 0 ? index + size_ : index;
    }
    return at;
  }

  // The part of the result that columns [c0, c1) and positions [p0, p1) make.
  struct Part {
    int64_t c0, c1, p0, p1;
  };

  const Node& node_;
  size_t element_;
  int64_t count_, size_ = 1, outer_ = 1, inner_ = 1;
};

}  // namespace suan::cpu
