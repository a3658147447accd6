// Strides of operands over the result's dims. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/operand_index.h"

#include <fmt/format.h>

namespace suan::cuda {

std::string offset_text(const std::vector<SeenDim>& dims, const std::string& at) {
  std::string text;
  int64_t inner = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    const auto [size, stride] = dims[i];
    if (stride != 0) {
      if (!text.empty()) text += " + ";
      text += inner == 1 ? at : fmt::format("{} / {}u", at, inner);
      if (i + 1 < dims.size()) text += fmt::format(" % {}u", size);
      if (stride != 1) text += fmt::format(" * {}u", stride);
    }
    inner *= size;
  }
  return text.empty() ? "0" : text;
}

}  // namespace suan::cuda
