// What kernels on a device report, in words. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/device.h"

#include <fmt/core.h>

#include "suan/graph/node.h"
#include "suan/ops/check_range.h"

namespace suan {
namespace {

std::string describe(const Fault& fault, const Node& node) {
  const auto& n = fault.numbers;
  switch (fault.kind) {
    case Fault::index:
      return fmt::format("index {} at position {} is outside [{}, {})", n[0], n[1], n[2], n[3]);
    case Fault::range:
      return fmt::format("{} {} at position {} is outside [{}, {}]",
                         node.attr<CheckRangeAttrs>().what, n[0], n[1], n[2], n[3]);
    case Fault::offset:
      return fmt::format("row offset {} at position {} is outside [{}, {}]", n[0], n[1], n[2],
                         n[3]);
    case Fault::column:
      return fmt::format("column {} at position {} is outside [0, {})", n[0], n[1], n[2]);
    default:
      return fmt::format("label {} at row {} is outside [0, {})", n[0], n[1], n[2]);
  }
}

}  // namespace

OutOfDeviceMemory::OutOfDeviceMemory(std::string_view where, size_t asked, size_t there, size_t all)
    : Error(ErrorCode::kSystem, where,
            fmt::format("out of memory: {} bytes were asked for, {} of {} are free", asked, there,
                        all)),
      bytes(asked),
      free(there),
      total(all) {}

bool Device::copy_from(const DeviceBlock& /*other*/, void* /*to*/, size_t /*bytes*/) {
  return false;
}

std::unique_ptr<Timeline> Device::timeline(std::string& why_not) {
  why_not = name() + " does not tell what it does";
  return nullptr;
}

Error error_of(const Fault& fault, const Node& node) {
  const std::string where = fault.kind == Fault::range
                                ? where_of(node, node.attr<CheckRangeAttrs>().where)
                                : where_of(node);
  return {ErrorCode::kOutOfRange, where, describe(fault, node)};
}

}  // namespace suan
