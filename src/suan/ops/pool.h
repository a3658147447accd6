// Pooling over windows of the spatial axes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// One entry per spatial axis.
struct PoolAttrs {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride;  // empty: the kernel's size
  std::vector<int64_t>
      pad_begin;  // empty: 0. Padding is -infinity for max, not counted for average
  std::vector<int64_t> pad_end;
  bool operator==(const PoolAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"kernel", &PoolAttrs::kernel}, Field{"stride", &PoolAttrs::stride},
                      Field{"pad_begin", &PoolAttrs::pad_begin},
                      Field{"pad_end", &PoolAttrs::pad_end}};
  }
};

// Largest element of each window: y[n, c, p] = max_k x[n, c, p stride + k - pad]. The gradient goes
// to the first largest element. x [n, c, spatial...].
Tensor max_pool(const Tensor& x, PoolAttrs attrs);
Tensor max_pool2d(const Tensor& x, int64_t kernel, int64_t stride = 0, int64_t padding = 0);

// attrs with defaults written out, and the output shape; throws Error naming `op`.
PoolAttrs complete(PoolAttrs attrs, int spatial, std::string_view op);
Shape pooled_shape(const Shape& x, const PoolAttrs& attrs, std::string_view op);

}  // namespace suan
