// Attention as cuda/gpu.h describes it. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/cudnn_attention.h"

#include <algorithm>
#include <mutex>

#include "suan/backend/cuda/attention.h"
#include "suan/backend/cuda/own_kernel.h"
#include "suan/backend/cuda/source.h"
#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

constexpr int64_t kWidest = 128, kWidthStep = 8;        // of heads
constexpr int64_t kTile = 128;                          // what rows are padded to in scratch
constexpr size_t kScratch = size_t{8} << 20;            // few queries: keys are shared out
constexpr size_t kMostScratch = size_t{1} << 30;        // where other kernels do without
constexpr size_t kLogsumexpGradient = 6, kElement = 2;  // an operand; bytes of a number

bool is_gradient(const Node& node) { return is(node, Op::attention_gradient); }

// The gradient keeps those of the scores, and with grouped heads those of each head's keys and
// values (driver/attention_graph.cpp).
size_t scratch_of(const Node& node) {
  if (!is_gradient(node)) return kScratch;
  const AttentionSizes z = sizes_of_attention(node);
  const auto padded = [](int64_t rows) { return (rows + kTile - 1) / kTile * kTile; };
  const auto heads = static_cast<size_t>(z.b * z.h);
  const size_t sums = heads * static_cast<size_t>(z.t) * sizeof(float);
  const size_t scores = heads * static_cast<size_t>(padded(z.t) * padded(z.s)) * kElement;
  const size_t keys = heads * static_cast<size_t>(z.s * (z.d + z.d_v)) * kElement;
  return kScratch + sums + scores + (z.h == z.h_kv ? 0 : keys);
}

AttentionSpec spec_of(const Node& node) {
  const auto& attrs = node.attr<AttentionAttrs>();
  const AttentionSizes z = sizes_of_attention(node);
  return {.gradient = is_gradient(node),
          .b = z.b,
          .h = z.h,
          .h_kv = z.h_kv,
          .t = z.t,
          .s = z.s,
          .d = z.d,
          .causal = attrs.causal && z.t > 1,  // a single query, the last, sees all keys
          .heads_inside = attrs.heads_inside,
          .scale = static_cast<float>(attention_scale(attrs, z.d)),
          .dtype = node.types[0].dtype,
          .scratch_bytes = scratch_of(node),
          .measure = !reproducible_mode()};
}

AttentionData data_of(const KernelArgs& args, bool gradient) {
  const auto in = [&](size_t i) { return args.in[i].data; };
  const auto out = [&](size_t i) { return args.out[i].data; };
  AttentionData data{.q = in(0), .k = in(1), .v = in(2)};
  data.y = gradient ? in(3) : out(0);
  data.logsumexp = gradient ? in(4) : out(1);
  if (!gradient) return data;
  data.g = in(5);
  data.gq = out(0);
  data.gk = out(1);
  data.gv = out(2);
  return data;
}

// Where cuDNN turns out to have no engine, the kernels of cuda/attention.h do it if they take the
// node; else what it said is thrown.
class CudnnAttentionCall final : public Call {
 public:
  explicit CudnnAttentionCall(const Node& node) : node_(node), spec_(spec_of(node)) {}

  size_t scratch_bytes() const override { return spec_.scratch_bytes; }
  void run(const KernelArgs& args) const override {
    std::call_once(once_, [&] { make(gpu_of(args)); });
    if (instead_) {
      instead_->run(args);
    } else {
      attention_->run(data_of(args, spec_.gradient), args.scratch);
    }
  }

 private:
  void make(Gpu& gpu) const {
    try {
      attention_ = gpu.attention(spec_);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported || attention_why_not(node_)) throw;
      log(LogLevel::kInfo, "cuda_attention computes in place of cudnn_attention: {}", error.what());
      instead_ = spec_.gradient ? make_attention_gradient_call(node_) : make_attention_call(node_);
    }
  }

  const Node& node_;
  AttentionSpec spec_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<Attention> attention_;
  mutable std::unique_ptr<Call> instead_;
};

}  // namespace

const char* cudnn_attention_why_not(const Node& node) {
  if (const char* reason = plain_attention_why_not(node)) return reason;
  if (attention_mask(node)) return "there is a mask";
  const std::string& library = cudnn_attention_why_not(is_gradient(node));
  if (!library.empty()) return library.c_str();
  const AttentionSizes z = sizes_of_attention(node);
  if (z.d > kWidest || z.d % kWidthStep != 0 || z.d != z.d_v) {
    return "the numbers of a head are no multiple of 8 up to 128";
  }
  if (node.attr<AttentionAttrs>().causal && z.t > z.s) return "some queries see no key";
  if (!is_gradient(node)) return nullptr;
  if (node.inputs.size() > kLogsumexpGradient && node.inputs[kLogsumexpGradient]) {
    return "logsumexp has a gradient";
  }
  if (z.t == 1 && z.s == 1) return "there is one query and one key";  // cuDNN has no such gradient
  if (scratch_of(node) > kMostScratch && !attention_why_not(node)) {
    return "it would take more than 1 GiB beside its operands";
  }
  return nullptr;
}

std::unique_ptr<Call> make_cudnn_attention_call(const Node& node) {
  return std::make_unique<CudnnAttentionCall>(node);
}

}  // namespace suan::cuda
