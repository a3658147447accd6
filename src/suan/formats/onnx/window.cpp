// Reading and checking the attributes of windows.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/window.h"

#include <algorithm>

namespace suan::onnx {
namespace {

constexpr int64_t kMostKernel = int64_t{1} << 31, kMostEntry = int64_t{1} << 20;

// The list with an entry for each axis, `otherwise` where it is absent.
std::vector<int64_t> entries(const NodeView& n, std::string_view name, size_t count,
                             int64_t otherwise, int64_t least, int64_t most = kMostEntry) {
  std::vector<int64_t> list = n.ints(name);
  if (list.empty()) list.assign(count, otherwise);
  if (list.size() != count) n.fail("{} has {} entries, expected {}", name, list.size(), count);
  for (int64_t v : list) {
    if (v < least || v > most) n.fail("{} has {}, expected {} to {}", name, v, least, most);
  }
  return list;
}

}  // namespace

AutoPad auto_pad_of(const NodeView& n) {
  const std::string name = n.s("auto_pad", "NOTSET");
  if (name == "NOTSET" || name.empty()) return AutoPad::notset;
  if (name == "SAME_UPPER") return AutoPad::same_upper;
  if (name == "SAME_LOWER") return AutoPad::same_lower;
  if (name != "VALID") {
    n.fail("auto_pad is '{}', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID", name);
  }
  return AutoPad::valid;
}

void share_padding(Window& window, size_t axis, int64_t total, bool more_at_end) {
  const int64_t less = (total - (total & 1)) / 2;  // rounded down
  window.begin[axis] = more_at_end ? less : total - less;
  window.end[axis] = total - window.begin[axis];
}

Window read_window(const NodeView& n, const Shape& x, std::span<const int64_t> kernel) {
  if (x.rank() < 3) n.fail("got {}, expected a batch of channels with spatial axes", to_string(x));
  const auto axes = static_cast<size_t>(x.rank() - 2);
  if (!kernel.empty() && kernel.size() != axes) {
    n.fail("the weights have {} spatial axes, the input has {}", kernel.size(), axes);
  }
  Window window;
  if (kernel.empty() && !n.has_attr("kernel_shape")) n.fail("attribute 'kernel_shape' is missing");
  window.kernel.assign(kernel.begin(), kernel.end());
  if (n.has_attr("kernel_shape")) {
    window.kernel = entries(n, "kernel_shape", axes, 1, 1, kMostKernel);
    if (!kernel.empty() && !std::ranges::equal(window.kernel, kernel)) {
      n.fail("kernel_shape differs from the weights' kernel");
    }
  }
  window.stride = entries(n, "strides", axes, 1, 1);
  window.dilation = entries(n, "dilations", axes, 1, 1);
  const std::vector<int64_t> pads = entries(n, "pads", 2 * axes, 0, 0);
  window.begin.assign(pads.begin(), pads.begin() + static_cast<int64_t>(axes));
  window.end.assign(pads.begin() + static_cast<int64_t>(axes), pads.end());
  return window;
}

Window padded_window(const NodeView& n, const Shape& x, std::span<const int64_t> kernel) {
  Window window = read_window(n, x, kernel);
  const AutoPad mode = auto_pad_of(n);
  if (mode == AutoPad::notset) return window;
  for (size_t i = 0; i < window.axes(); ++i) {
    const int64_t size = x[static_cast<int>(i) + 2], stride = window.stride[i];
    const int64_t outputs = (size + stride - 1) / stride;
    const int64_t missing = (outputs - 1) * stride + window.extent(i) - size;
    const int64_t total = mode == AutoPad::valid ? 0 : std::max<int64_t>(missing, 0);
    share_padding(window, i, total, mode != AutoPad::same_lower);
  }
  return window;
}

}  // namespace suan::onnx
