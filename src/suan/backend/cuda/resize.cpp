// The taps are worked out on the host and sent to the GPU by the first run.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/resize.h"

#include <fmt/format.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "suan/backend/cuda/kernels/resize_params.h"
#include "suan/backend/cuda/move.h"
#include "suan/backend/cuda/own_kernel.h"
#include "suan/ops/resize.h"

namespace suan::cuda {
namespace {

class ResizeCall final : public Call {
 public:
  explicit ResizeCall(const Node& node) {
    const auto& attrs = node.attr<ResizeAttrs>();
    const DType dtype = node.types[0].dtype;
    const Shape &x = node.inputs[0].shape(), &y = node.types[0].shape;
    const auto axis = static_cast<int>(attrs.axis);
    const ResizeTaps taps = resize_taps(attrs, x[axis]);
    keep<int32_t>(taps.first);
    at_ = bytes_.size();
    keep<int32_t>(taps.at);
    weight_ = bytes_.size();
    if (dtype == DType::f64) {
      keep<double>(taps.weight);
    } else {
      keep<float>(taps.weight);
    }
    params_.count = static_cast<uint64_t>(y.numel());
    params_.inner = divider(y.numel(axis + 1, y.rank()));
    params_.size = divider(y[axis]);
    params_.inputs = x[axis];
    kernel_ = OwnKernel(fmt::format("resize_{}", name(dtype)));
  }

  void run(const KernelArgs& args) const override {
    Gpu& gpu = gpu_of(args);
    std::call_once(once_, [&] {
      taps_ = gpu.allocate(bytes_.size());
      gpu.upload(taps_->address(), bytes_.data(), bytes_.size());
    });
    const char* taps = static_cast<const char*>(taps_->address());
    ResizeParams p = params_;
    p.x = args.in[0].data;
    p.y = args.out[0].data;
    p.first = reinterpret_cast<const int32_t*>(taps);
    p.at = reinterpret_cast<const int32_t*>(taps + at_);
    p.weight = taps + weight_;
    launch_for(kernel_, gpu, p.count, p);
  }

 private:
  // As elements of T, at a multiple of 16 bytes.
  template <class T, class From>
  void keep(const std::vector<From>& values) {
    const size_t first = bytes_.size();
    bytes_.resize(first + (values.size() * sizeof(T) + 15) / 16 * 16);
    for (size_t i = 0; i < values.size(); ++i) {
      const T value = static_cast<T>(values[i]);
      std::memcpy(bytes_.data() + first + i * sizeof(T), &value, sizeof(T));
    }
  }

  std::vector<char> bytes_;
  size_t at_ = 0, weight_ = 0;
  ResizeParams params_{};
  OwnKernel kernel_;
  mutable std::once_flag once_;
  mutable DeviceBlockPtr taps_;
};

}  // namespace

const char* float_why_not(const Node& node) {
  return is_float(node.types[0].dtype) ? plain_numbers_why_not(node) : "the dtype is not a float";
}
std::unique_ptr<Call> make_resize_call(const Node& node) {
  return std::make_unique<ResizeCall>(node);
}

}  // namespace suan::cuda
