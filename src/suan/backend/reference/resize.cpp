// Resizing along one axis.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/resize.h"

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"

namespace suan::reference {

void resize(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<ResizeAttrs>();
  const Operand &x = args.in[0], &y = args.out[0];
  const Shape strides = x.type.shape.strides();
  const auto axis = static_cast<int>(a.axis);
  const ResizeTaps taps = resize_taps(a, x.type.shape[axis]);
  for_each(y.type.shape, [&](const Shape& at, int64_t position) {
    const int64_t line = offset_of(at, strides) - at[axis] * strides[axis];
    const auto i = static_cast<size_t>(at[axis]);
    double total = 0;
    for (auto k = static_cast<size_t>(taps.first[i]); k < static_cast<size_t>(taps.first[i + 1]);
         ++k) {
      total += taps.weight[k] * load<double>(x, line + taps.at[k] * strides[axis]);
    }
    store(y, position, total);
  });
}

}  // namespace suan::reference
