// Several pairs turn at once where rows and their halves are whole pieces of 16 bytes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/rotary.h"

#include <fmt/format.h>

#include "suan/backend/cuda/kernels/rotary_params.h"
#include "suan/backend/cuda/own_kernel.h"
#include "suan/ops/rotary.h"

namespace suan::cuda {
namespace {

class RotaryCall final : public Call {
 public:
  explicit RotaryCall(const Node& node) {
    const Shape &x = node.types[0].shape, &angles = node.inputs[1].shape();
    const DType dtype = node.types[0].dtype;
    params_.interleaved = node.attr<RotaryAttrs>().interleaved;
    params_.half = angles.back();
    params_.length = x.back();
    const auto most = static_cast<int64_t>(16 / size_of(dtype));
    const bool wide =
        params_.half % most == 0 && params_.length % (params_.interleaved ? 2 * most : most) == 0;
    const int64_t units = (params_.length - params_.half) / (wide ? most : 1);
    params_.row_units = divider(units);
    params_.count = static_cast<uint64_t>(x.numel(0, x.rank() - 1) * units);
    const Shape strides = angles.strides();
    const int lead = x.rank() - angles.rank();
    for (int i = x.rank() - 1; i-- > 0;) {
      const bool repeats = i < lead || angles[i - lead] == 1;
      params_.dims[params_.rank++] = {divider(x[i]), repeats ? 0 : strides[i - lead]};
    }
    kernel_ = OwnKernel(fmt::format("rotary_{}{}_{}", wide ? "wide_" : "", name(dtype),
                                    name(node.inputs[1].dtype())));
  }
  bool may_overwrite(size_t /*output*/, size_t input) const override { return input == 0; }
  void run(const KernelArgs& args) const override {
    RotaryParams p = params_;
    p.x = args.in[0].data;
    p.cos = args.in[1].data;
    p.sin = args.in[2].data;
    p.y = args.out[0].data;
    launch_for(kernel_, gpu_of(args), p.count, p);
  }

 private:
  RotaryParams params_{};
  OwnKernel kernel_;
};

}  // namespace

std::unique_ptr<Call> make_rotary_call(const Node& node) {
  return std::make_unique<RotaryCall>(node);
}

}  // namespace suan::cuda
