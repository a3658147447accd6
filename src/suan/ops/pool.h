// Pooling over windows of the spatial axes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// One entry per spatial axis.
struct PoolAttrs {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride;     // empty: the kernel's size
  std::vector<int64_t> pad_begin;  // empty: 0. Padding is -infinity for max, 0 for the average
  std::vector<int64_t> pad_end;
  std::vector<int64_t> dilation;  // from one element of a window to the next; empty: 1
  bool count_padding = true;      // avg_pool: whether padding counts in what a sum is divided by
  std::vector<int64_t> size;      // avg_pool_gradient: the spatial sizes of x
  bool operator==(const PoolAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"kernel", &PoolAttrs::kernel},
                      Field{"stride", &PoolAttrs::stride},
                      Field{"pad_begin", &PoolAttrs::pad_begin},
                      Field{"pad_end", &PoolAttrs::pad_end},
                      Field{"dilation", &PoolAttrs::dilation},
                      Field{"count_padding", &PoolAttrs::count_padding},
                      Field{"size", &PoolAttrs::size}};
  }
};

// Largest element of each window: y[n, c, p] = max_k x[n, c, p stride + k dilation - pad]. The
// gradient goes to the first largest element. x [n, c, spatial...].
Tensor max_pool(const Tensor& x, PoolAttrs attrs);
Tensor max_pool2d(const Tensor& x, int64_t kernel, int64_t stride = 0, int64_t padding = 0);

// Mean of each window: y[n, c, p] = sum_k x[n, c, p stride + k dilation - pad] / count, where count
// is the window's size, or with count_padding = false the number of its elements inside x.
Tensor avg_pool(const Tensor& x, PoolAttrs attrs);
Tensor avg_pool2d(const Tensor& x, int64_t kernel, int64_t stride = 0, int64_t padding = 0);
// The gradient of avg_pool in x, and its adjoint; attrs.size has x's spatial sizes.
Tensor avg_pool_gradient(const Tensor& g, PoolAttrs attrs);
// Mean over parts of x that leave `sizes` of them along the spatial axes: part i of n along an axis
// of size s is [floor(i s / n), ceil((i + 1) s / n)), as in PyTorch. Throws Error unless there is a
// positive size for each spatial axis.
Tensor adaptive_avg_pool(const Tensor& x, std::vector<int64_t> sizes);
// Mean over all spatial axes: [n, c, spatial...] to [n, c].
Tensor global_avg_pool(const Tensor& x);

// attrs with defaults written out (a dilation of 1 is left out), and the output shape; throws Error
// naming `op`.
PoolAttrs complete(PoolAttrs attrs, int spatial, std::string_view op);
inline int64_t dilation_of(const PoolAttrs& attrs, size_t axis) {
  return attrs.dilation.empty() ? 1 : attrs.dilation[axis];
}
Shape pooled_shape(const Shape& x, const PoolAttrs& attrs, std::string_view op);

}  // namespace suan
