// A product with the transposed matrix sorts its elements by column, so that one thread has all
// that goes into an element of the result. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/csr.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/backend/cuda/kernels/csr_params.h"
#include "suan/backend/cuda/key_sort.h"
#include "suan/backend/cuda/own_kernel.h"
#include "suan/backend/cuda/resize.h"
#include "suan/ops/csr_matmul.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

class CsrCall : public Call {
 public:
  CsrCall(const Node& node, const char* kernel, int64_t width)
      : kernel_(fmt::format("{}_{}", kernel, name(node.types[0].dtype))) {
    params_.matrix.rows = node.inputs[0].shape()[0] - 1;
    params_.matrix.stored = node.inputs[1].shape()[0];
    params_.matrix.width = width;
    params_.n = divider(node.inputs[2].shape()[1]);
    params_.count = static_cast<uint64_t>(node.types[0].shape.numel());
  }

 protected:
  // With the operands; checks the matrix.
  CsrProductParams begin(const KernelArgs& args) const {
    CsrProductParams p = params_;
    p.matrix.offsets = args.in[0].as<int64_t>();
    p.matrix.columns = args.in[1].as<int64_t>();
    p.a = args.in[2].data;
    p.y = args.out[0].data;
    const CsrCheckParams check{p.matrix, args.fault, args.step, 0};
    const int64_t numbers = std::max(p.matrix.rows + 1, p.matrix.stored);
    launch_for(check_, gpu_of(args), static_cast<uint64_t>(numbers), check);
    return p;
  }
  CsrProductParams params_{};
  OwnKernel check_{"csr_check"}, kernel_;
};

class MatmulCall final : public CsrCall {
 public:
  explicit MatmulCall(const Node& node) : CsrCall(node, "csr_matmul", node.inputs[2].shape()[0]) {}
  void run(const KernelArgs& args) const override {
    CsrProductParams p = begin(args);
    if (args.in.size() > 3) p.matrix.values = args.in[3].data;
    launch_for(kernel_, gpu_of(args), p.count, p);
  }
};

class TransposedCall final : public CsrCall {
 public:
  explicit TransposedCall(const Node& node)
      : CsrCall(node, "csr_transposed", node.attr<CsrAttrs>().columns),
        sort_(params_.matrix.stored, params_.matrix.width) {
    params_.count = static_cast<uint64_t>(params_.matrix.stored) * params_.n.by;
  }
  size_t scratch_bytes() const override {
    const auto rows = static_cast<size_t>(params_.matrix.stored) * sizeof(uint32_t);
    return sort_.scratch_bytes() + rows;
  }
  void run(const KernelArgs& args) const override {
    Gpu& gpu = gpu_of(args);
    CsrProductParams p = begin(args);
    if (args.in.size() > 3) p.matrix.values = args.in[3].data;
    gpu.clear(p.y, args.out[0].type.bytes());
    if (p.count == 0 || p.matrix.rows == 0) return;
    uint32_t* columns = sort_.keys(args.scratch);
    uint32_t* rows = columns + sort_.scratch_bytes() / sizeof(uint32_t);
    const CsrPlacesParams places{p.matrix, columns, rows};
    launch_for(places_, gpu, static_cast<uint64_t>(p.matrix.stored), places);
    const KeySort::Sorted sorted = sort_.sort(gpu, args.scratch);
    p.columns = sorted.keys;
    p.order = sorted.order;
    p.rows = rows;
    launch_for(kernel_, gpu, p.count, p);
  }

 private:
  KeySort sort_;
  OwnKernel places_{"csr_places"};
};

class DotCall final : public CsrCall {
 public:
  explicit DotCall(const Node& node) : CsrCall(node, "csr_dot", node.inputs[3].shape()[0]) {}
  void run(const KernelArgs& args) const override {
    CsrProductParams p = begin(args);
    p.b = args.in[3].data;
    launch_for(kernel_, gpu_of(args), 32 * p.count, p);  // a warp for each
  }
};

}  // namespace

const char* csr_why_not(const Node& node) {
  constexpr int64_t kMost = INT32_MAX;  // numbers of 32 bits
  const Shape &offsets = node.inputs[0].shape(), &columns = node.inputs[1].shape();
  const int64_t width = is(node, Op::csr_dot) ? 0 : node.attr<CsrAttrs>().columns;
  if (std::max({offsets[0], columns[0], width}) > kMost) return "the matrix is too large";
  return float_why_not(node);
}

std::unique_ptr<Call> make_csr_matmul_call(const Node& node) {
  if (node.attr<CsrAttrs>().transpose) return std::make_unique<TransposedCall>(node);
  return std::make_unique<MatmulCall>(node);
}
std::unique_ptr<Call> make_csr_dot_call(const Node& node) {
  return std::make_unique<DotCall>(node);
}

}  // namespace suan::cuda
