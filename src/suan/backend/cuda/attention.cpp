// Launching the kernels of kernels/attention.cu. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/attention.h"

#include <fmt/format.h>

#include "suan/backend/cuda/kernels/attention_params.h"
#include "suan/backend/cuda/own_kernel.h"
#include "suan/backend/seen_dims.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

constexpr int64_t kTile = 64;   // keys or queries that come by at once
constexpr int64_t kMany = 512;  // queries that are worth blocks of 128 rows
constexpr int64_t kGridY = 65535;

// [b, heads, rows, d], or [b, rows, heads, d] with heads inside.
RowsOf rows_of(int64_t heads, int64_t rows, int64_t d, bool heads_inside) {
  if (heads_inside) return {heads * rows * d, d, heads * d};
  return {heads * rows * d, rows * d, d};
}

AttentionParams params_of(const Node& node) {
  const auto& attrs = node.attr<AttentionAttrs>();
  const AttentionSizes z = sizes_of_attention(node);
  AttentionParams p{};
  p.of_q = rows_of(z.h, z.t, z.d, attrs.heads_inside);
  p.of_k = rows_of(z.h_kv, z.s, z.d, attrs.heads_inside);
  p.of_v = rows_of(z.h_kv, z.s, z.d_v, attrs.heads_inside);
  p.of_y = rows_of(z.h, z.t, z.d_v, attrs.heads_inside);
  p.h = static_cast<int32_t>(z.h);
  p.h_kv = static_cast<int32_t>(z.h_kv);
  p.t = static_cast<int32_t>(z.t);
  p.s = static_cast<int32_t>(z.s);
  p.causal = attrs.causal;
  p.scale = static_cast<float>(attention_scale(attrs, z.d));
  return p;
}

// Of a mask that broadcasts to the scores.
ScoresOf scores_of(const Shape& mask) {
  const Shape steps = seen_strides(mask, 4);
  return {steps[0], steps[1], steps[2], steps[3]};
}

class AttentionBase : public Call {
 protected:
  explicit AttentionBase(const Node& node)
      : params_(params_of(node)), sizes_(sizes_of_attention(node)) {
    suffix_ = fmt::format("_{}_{}", name(node.types[0].dtype), sizes_.d);
  }
  OwnKernel kernel(const char* stem) const { return OwnKernel(stem + suffix_); }
  // Of `tiles` tiles of so many rows in shared memory, and `more` bytes beside them.
  unsigned shared_bytes(int64_t rows, size_t more = 0) const {
    return static_cast<unsigned>(static_cast<size_t>(rows * (sizes_.d + 8)) * 2 + more);
  }
  static unsigned pieces(int64_t count, int64_t each) {
    return static_cast<unsigned>((count + each - 1) / each);
  }

  AttentionParams params_;
  AttentionSizes sizes_;

 private:
  std::string suffix_;
};

class AttentionCall final : public AttentionBase {
 public:
  explicit AttentionCall(const Node& node)
      : AttentionBase(node),
        masked_(attention_mask(node)),
        forward_(kernel(masked_ ? "attention_forward_masked" : "attention_forward")),
        rows_(sizes_.t >= kMany && sizes_.d <= kTile ? 2 * kTile : kTile) {
    if (!masked_) return;
    params_.of_mask = scores_of(attention_mask(node).shape());
    params_.mask_is_bool = attention_mask(node).dtype() == DType::boolean;
  }

  void run(const KernelArgs& args) const override {
    AttentionParams p = params_;
    p.q = args.in[0].data;
    p.k = args.in[1].data;
    p.v = args.in[2].data;
    p.y = args.out[0].data;
    p.logsumexp = args.out[1].as<float>();
    if (masked_) p.mask = args.in[kAttentionMask].data;
    const auto heads = static_cast<unsigned>(sizes_.b * sizes_.h);
    forward_.launch(gpu_of(args),
                    {.blocks = {pieces(sizes_.t, rows_), heads, 1},
                     .threads = static_cast<unsigned>(rows_ * 2),
                     .shared_bytes = shared_bytes(rows_ + 4 * kTile)},
                    p);
  }

 private:
  bool masked_;
  OwnKernel forward_;
  int64_t rows_;  // queries of a block
};

class AttentionGradientCall final : public AttentionBase {
 public:
  explicit AttentionGradientCall(const Node& node)
      : AttentionBase(node),
        delta_(kernel("attention_delta")),
        gradient_q_(kernel("attention_gradient_q")),
        gradient_kv_(kernel("attention_gradient_kv")) {}

  size_t scratch_bytes() const override {
    return static_cast<size_t>(sizes_.b * sizes_.h * sizes_.t) * sizeof(float);
  }

  void run(const KernelArgs& args) const override {
    Gpu& gpu = gpu_of(args);
    AttentionParams p = params_;
    p.q = args.in[0].data;
    p.k = args.in[1].data;
    p.v = args.in[2].data;
    p.y_in = args.in[3].data;
    p.logsumexp = args.in[4].as<float>();
    p.g = args.in[5].data;
    p.g_logsumexp = args.in.size() > 6 ? args.in[6].as<float>() : nullptr;
    p.delta = static_cast<float*>(args.scratch);
    p.gq = args.out[0].data;
    p.gk = args.out[1].data;
    p.gv = args.out[2].data;
    constexpr unsigned kThreads = 128;
    const auto heads = static_cast<unsigned>(sizes_.b * sizes_.h);
    const auto heads_kv = static_cast<unsigned>(sizes_.b * sizes_.h_kv);
    delta_.launch(gpu, {.blocks = {pieces(sizes_.t, kThreads / 32), heads, 1}, .threads = kThreads},
                  p);
    gradient_kv_.launch(gpu,
                        {.blocks = {pieces(sizes_.s, kTile), heads_kv, 1},
                         .threads = kThreads,
                         .shared_bytes = shared_bytes(4 * kTile, 2 * kTile * sizeof(float))},
                        p);
    gradient_q_.launch(gpu,
                       {.blocks = {pieces(sizes_.t, kTile), heads, 1},
                        .threads = kThreads,
                        .shared_bytes = shared_bytes(4 * kTile)},
                       p);
  }

 private:
  OwnKernel delta_, gradient_q_, gradient_kv_;
};

}  // namespace

AttentionSizes sizes_of_attention(const Node& node) {
  const auto& in = node.inputs;
  return attention_sizes(in[0].shape(), in[1].shape(), in[2].shape(), node.attr<AttentionAttrs>());
}

Tensor attention_mask(const Node& node) {
  const auto mask =
      static_cast<size_t>(is(node, Op::attention) ? kAttentionMask : kAttentionGradientMask);
  return mask < node.inputs.size() ? node.inputs[mask] : Tensor();
}

const char* plain_attention_why_not(const Node& node) {
  const DType dtype = node.types[0].dtype;
  if (dtype != DType::bf16 && dtype != DType::f16) return "the dtype is not bf16 or f16";
  const bool forward = is(node, Op::attention);
  const auto mask = static_cast<size_t>(forward ? kAttentionMask : kAttentionGradientMask);
  if (!forward && attention_mask(node)) return "there is a mask";
  if (node.inputs.size() > mask + 1 && node.inputs[mask + 1]) return "there are lengths";
  const AttentionSizes z = sizes_of_attention(node);
  if (z.b * z.h > kGridY) return "there are too many heads";
  const bool nothing = z.b == 0 || z.h == 0 || z.s == 0 || z.t == 0;
  return nothing ? "there is nothing to attend to" : nullptr;
}

const char* attention_why_not(const Node& node) {
  if (const char* reason = plain_attention_why_not(node)) return reason;
  const AttentionSizes z = sizes_of_attention(node);
  const bool size_fits = z.d == 32 || z.d == 64 || z.d == 128;
  if (!size_fits || z.d != z.d_v) return "a head has not 32, 64 or 128 numbers";
  return nullptr;
}

std::unique_ptr<Call> make_attention_call(const Node& node) {
  return std::make_unique<AttentionCall>(node);
}
std::unique_ptr<Call> make_attention_gradient_call(const Node& node) {
  return std::make_unique<AttentionGradientCall>(node);
}

}  // namespace suan::cuda
