// Running sums: rows where the axis is the last, else columns. SPDX-License-Identifier: Apache-2.0
#include "suan/ops/cumsum.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/backend/cuda/cumsum.h"
#include "suan/backend/cuda/kernels/cumsum_params.h"
#include "suan/backend/cuda/row_plan.h"
#include "suan/backend/cuda/source.h"

namespace suan::cuda {
namespace {

class CumsumCall final : public Call {
 public:
  explicit CumsumCall(const Node& node) {
    const auto& attrs = node.attr<CumsumAttrs>();
    const DType dtype = node.types[0].dtype;
    const Shape& shape = node.types[0].shape;
    const int axis = normalize_axis(attrs.axis, shape.rank(), "cumsum");
    params_.length = shape[axis];
    params_.lines = shape.numel() / std::max<int64_t>(shape[axis], 1);
    params_.inner = shape.numel(axis + 1, shape.rank());
    params_.exclusive = attrs.exclusive;
    params_.reverse = attrs.reverse;
    const bool rows = params_.inner == 1;
    const std::string suffix =
        is_float(dtype) ? std::string(name(dtype)) : fmt::format("b{}", size_of(dtype));
    kernel_ = OwnKernel(fmt::format("cumsum_{}_{}", rows ? "rows" : "columns", suffix));
    constexpr int64_t kTile = 1024;  // elements of a block of 256 threads
    const int64_t threads =
        std::min<int64_t>((params_.length + kTile / 8 - 1) / (kTile / 8), 8) * 32;
    launch_.threads = rows ? static_cast<unsigned>(std::max<int64_t>(threads, 32)) : 128;
    launch_.blocks[0] = blocks_of(params_.lines, rows ? 1 : launch_.threads);
  }

  void run(const KernelArgs& args) const override {
    CumsumParams params = params_;
    params.x = args.in[0].data;
    params.y = args.out[0].data;
    kernel_.launch(gpu_of(args), launch_, params);
  }

 private:
  CumsumParams params_{};
  OwnKernel kernel_;
  Launch launch_;
};

}  // namespace

const char* cumsum_why_not(const Node& node) {
  if (!is_arithmetic(node.types[0].dtype)) return "kernels do not compute with this dtype";
  return plain_numbers_why_not(node);
}
std::unique_ptr<Call> make_cumsum_call(const Node& node) {
  return std::make_unique<CumsumCall>(node);
}

}  // namespace suan::cuda
