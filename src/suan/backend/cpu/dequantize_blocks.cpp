// Blocks along any axis, the last one of any length: plain loops over rows, which compilers turn
// into vectors. What lies in whole blocks along the last axis has a better kernel.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/backend/cpu/quantize.h"
#include "suan/base/threads.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

namespace suan::cpu {
namespace {

// q [outer, size, inner], scale and zero [outer, blocks, inner].
class BlocksCall final : public Call {
 public:
  explicit BlocksCall(const Node& node) {
    const auto& a = node.attr<DequantizeAttrs>();
    const Shape& x = node.types[0].shape;
    outer_ = x.numel(0, a.axis);
    size_ = x[a.axis];
    inner_ = x.numel(a.axis + 1, x.rank());
    block_ = std::min(a.block, size_);
    blocks_ = (size_ + block_ - 1) / block_;
    const DType dtype = node.inputs[0].dtype();
    is_signed_ = dtype == DType::i8 || dtype == DType::i4;
  }
  void run(const KernelArgs& args) const override {
    is_signed_ ? run_as<int8_t>(args) : run_as<uint8_t>(args);
  }

 private:
  template <class T>
  void run_as(const KernelArgs& args) const {
    const T* q = args.in[0].as<T>();
    const auto* scales = args.in[1].as<float>();
    const T* zeros = args.in.size() > 2 ? args.in[2].as<T>() : nullptr;
    auto* x = args.out[0].as<float>();
    const int64_t grain = std::max<int64_t>(1, kThreadWork / (block_ * inner_));
    parallel_for(outer_ * blocks_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t first = b % blocks_ * block_;
        const int64_t at = (b / blocks_ * size_ + first) * inner_;
        const T* zero = zeros ? zeros + b * inner_ : nullptr;
        const int64_t rows = std::min(block_, size_ - first);
        if (inner_ == 1) {
          run_with(q + at, scales[b], zero ? *zero : T{0}, x + at, rows);
        } else {
          for (int64_t r = 0; r < rows; ++r) {
            const int64_t row = at + r * inner_;
            run_row(q + row, scales + b * inner_, zero, x + row, inner_);
          }
        }
      }
    });
  }
  template <class T>
  static void run_with(const T* q, float scale, T zero, float* x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(q[i] - zero) * scale;
  }
  template <class T>
  static void run_row(const T* q, const float* scales, const T* zeros, float* x, int64_t n) {
    if (!zeros) {
      for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(q[i]) * scales[i];
      return;
    }
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<float>(q[i] - zeros[i]) * scales[i];
  }

  int64_t outer_ = 1, size_ = 1, inner_ = 1, block_ = 1, blocks_ = 1;
  bool is_signed_ = true;
};

}  // namespace

const char* dequantize_blocks_why_not(const Node& node) {
  const auto& a = node.attr<DequantizeAttrs>();
  const DType dtype = node.inputs[0].dtype();
  const bool takes =
      dtype == DType::i8 || dtype == DType::u8 || dtype == DType::i4 || dtype == DType::u4;
  if (!takes) return "the data is not of 8 or 4 bits";
  if (a.dtype != DType::f32 || node.inputs[1].dtype() != DType::f32) return "floats are not f32";
  if (a.block == 0) return "the scales are not those of blocks";
  if (node.types[0].shape.numel() == 0) return "there is nothing to compute";
  return plain_why_not(node);
}
std::unique_ptr<Call> make_dequantize_blocks_call(const Node& node) {
  return std::make_unique<BlocksCall>(node);
}

}  // namespace suan::cpu
