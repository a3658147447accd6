// Logical to physical shapes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/layout.h"

namespace suan {

Shape physical_shape(const Shape& logical, Layout layout) {
  if (layout == Layout::plain) return logical;
  Shape out{logical[0]};
  const int64_t c = logical[1];
  if (layout == Layout::blocked16) out.push_back(c == 1 ? 1 : c / 16);
  for (int i = 2; i < logical.rank(); ++i) out.push_back(logical[i]);
  if (layout == Layout::blocked16) {
    out.push_back(c == 1 ? 1 : 16);
  } else {
    out.push_back(c);
  }
  return out;
}

bool layout_fits(const Shape& logical, Layout layout) {
  if (layout == Layout::plain) return true;
  if (logical.rank() < 3 || logical.rank() > 5) return false;
  return layout != Layout::blocked16 || logical[1] % 16 == 0;
}

}  // namespace suan
