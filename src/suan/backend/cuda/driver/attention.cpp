// Attention as plans of cuDNN. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/attention.h"

#include <limits>

#include "suan/base/error.h"

#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/attention_graph.h"
#include "suan/backend/cuda/driver/plan.h"
#endif

namespace suan::cuda {

#ifndef SUAN_CUDNN

std::unique_ptr<Attention> Attentions::make(const AttentionSpec&) {
  throw Error(ErrorCode::kUnsupported, "cuda", why_no_cudnn());
}

#else

namespace {

// Of the row sums that the gradient keeps, rounded so that what follows them is aligned.
size_t delta_bytes(const AttentionSpec& spec) {
  if (!spec.gradient) return 0;
  const auto bytes = static_cast<size_t>(spec.b * spec.h * spec.t) * sizeof(float);
  return (bytes + kScratchAlign - 1) / kScratchAlign * kScratchAlign;
}

class CudnnAttention final : public Attention {
 public:
  CudnnAttention(std::shared_ptr<CudnnHandle> handle, const AttentionSpec& spec)
      : handle_(std::move(handle)),
        spec_(spec),
        scale_(spec.scale),
        key_count_(static_cast<int32_t>(spec.s)),
        query_count_(static_cast<int32_t>(spec.t)),
        graph_(attention_graph(spec, handle_->handle)) {}
  // Operands that are given by value are members.
  CudnnAttention(const CudnnAttention&) = delete;
  CudnnAttention& operator=(const CudnnAttention&) = delete;

  void run(const AttentionData& data, void* scratch) const override { run(plan_, data, scratch); }

  // Once, before it runs.
  void choose(Cudnn& cudnn, Choices& choices, std::string what) {
    const size_t within = scratch_within(spec_.scratch_bytes), delta = delta_bytes(spec_);
    plan_ = choose_plan(cudnn, proposals(graph_, spec_.dtype, false),
                        {.what = std::move(what),
                         .measure = spec_.measure,
                         .scratch_bytes = spec_.scratch_bytes,
                         .workspace_bytes = within > delta ? within - delta : 0,
                         .try_out = [this](Trial& trial) { return on_trial(trial); }},
                        choices);
  }

 private:
  void run(const Plan& plan, const AttentionData& data, void* scratch) const {
    std::vector<int64_t> ids;
    std::vector<void*> addresses;
    const auto give = [&](int64_t id, const void* address) {
      ids.push_back(id);
      addresses.push_back(const_cast<void*>(address));
    };
    give(kQueries, data.q);
    give(kKeys, data.k);
    give(kValues, data.v);
    give(kResult, data.y);
    give(kLogsumexp, data.logsumexp);
    give(kScale, &scale_);
    if (spec_.causal) give(kHidden, &hidden_);
    if (spec_.causal && spec_.t != spec_.s) {
      give(kKeyCount, &key_count_);
      give(kQueryCount, &query_count_);
    }
    char* rest = static_cast<char*>(aligned_scratch(scratch));
    if (spec_.gradient) {
      give(kResultGradient, data.g);
      give(kQueryGradient, data.gq);
      give(kKeyGradient, data.gk);
      give(kValueGradient, data.gv);
      give(kOne, &one_);
      give(kDelta, rest);
      rest += delta_bytes(spec_);
    }
    plan.run(*handle_, ids, addresses, rest);
  }

  std::function<void(const Plan&, void*)> on_trial(Trial& trial) const {
    const AttentionSpec& s = spec_;
    const auto queries = [&] { return trial.made_up(s.dtype, s.b * s.h * s.t * s.d); };
    const auto keys = [&] { return trial.made_up(s.dtype, s.b * s.h_kv * s.s * s.d); };
    AttentionData data{.q = queries(),
                       .k = keys(),
                       .v = keys(),
                       .y = queries(),
                       .logsumexp = trial.made_up(DType::f32, s.b * s.h * s.t)};
    if (s.gradient) {
      data.g = queries();
      data.gq = queries();
      data.gk = keys();
      data.gv = keys();
    }
    return [this, data](const Plan& plan, void* scratch) { run(plan, data, scratch); };
  }

  std::shared_ptr<CudnnHandle> handle_;
  AttentionSpec spec_;
  float scale_, hidden_ = -std::numeric_limits<float>::infinity(), one_ = 1;
  int32_t key_count_, query_count_;
  OperationGraph graph_;
  Plan plan_;
};

std::string text_of(const AttentionSpec& s) {
  return fmt::format("{} {} b {} h {} {} t {} s {} d {}{}{}",
                     s.gradient ? "attention gradient" : "attention", name(s.dtype), s.b, s.h,
                     s.h_kv, s.t, s.s, s.d, s.causal ? " causal" : "",
                     s.heads_inside ? " heads inside" : "");
}

}  // namespace

std::unique_ptr<Attention> Attentions::make(const AttentionSpec& spec) {
  const std::lock_guard lock(cudnn_.mutex);
  auto attention = std::make_unique<CudnnAttention>(handle_of(cudnn_), spec);
  attention->choose(cudnn_, choices_, text_of(spec));
  return attention;
}

#endif

}  // namespace suan::cuda
