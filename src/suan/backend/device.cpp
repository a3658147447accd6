// What kernels on a device report, in words. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/device.h"

#include <fmt/core.h>

namespace suan {

std::string describe(const Fault& fault) {
  const auto& n = fault.numbers;
  switch (fault.kind) {
    case Fault::index:
      return fmt::format("index {} at position {} is outside [{}, {})", n[0], n[1], n[2], n[3]);
    default:
      return fmt::format("label {} at row {} is outside [0, {})", n[0], n[1], n[2]);
  }
}

}  // namespace suan
