// Batch normalization by oneDNN, fast in blocked layout; plain images are left to the
// decomposition.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/batch_norm.h"

#include "suan/backend/cpu/dnnl.h"
#include "suan/ops/batch_norm.h"

namespace suan::cpu {
namespace {

using Forward = dnnl::batch_normalization_forward;
using Backward = dnnl::batch_normalization_backward;

Forward::primitive_desc forward_pd(const Node& node) {
  using Flag = dnnl::normalization_flags;
  const Forward::desc desc(dnnl::prop_kind::forward_training, dnnl_desc(node.inputs[0]),
                           static_cast<float>(node.attr<BatchNormAttrs>().epsilon),
                           Flag::use_scale | Flag::use_shift);
  return {desc, user_scratchpad(), dnnl_engine()};
}

}  // namespace

const char* batch_norm_why_not(const Node& node) {
  const Tensor& x = node.inputs[0];
  if (x.dtype() != DType::f32 && x.dtype() != DType::bf16) return "the dtype is not f32 or bf16";
  if (!has_avx512()) return "it needs AVX-512";
  if (x.rank() > 2 && x.shape()[1] % 16 != 0) return "the channels are not a multiple of 16";
  for (const Tensor& t : node.inputs) {
    if (t.rank() > 2 && layout_of(t) != node.layout(0)) return "layouts differ";
  }
  return nullptr;
}

std::unique_ptr<Call> make_batch_norm_call(const Node& node) {
  const auto pd = forward_pd(node);
  const auto channels = dnnl_desc(node.inputs[1]);
  auto call = std::make_unique<DnnlCall>();
  call->add(Forward(pd),
            {{DNNL_ARG_SRC, pd.src_desc(), {Slot::in, 0}},
             {DNNL_ARG_SCALE, channels, {Slot::in, 1}},
             {DNNL_ARG_SHIFT, channels, {Slot::in, 2}},
             {DNNL_ARG_DST, pd.dst_desc(), {Slot::out, 0}},
             {DNNL_ARG_MEAN, pd.mean_desc(), {Slot::out, 1}},
             {DNNL_ARG_VARIANCE, pd.variance_desc(), {Slot::out, 2}}},
            pd.scratchpad_desc());
  return call;
}

std::unique_ptr<Call> make_batch_norm_gradient_call(const Node& node) {
  using Flag = dnnl::normalization_flags;
  const auto x = dnnl_desc(node.inputs[0]), g = dnnl_desc(node.inputs[1]);
  const auto channels = dnnl_desc(node.inputs[2]);
  const Backward::desc desc(dnnl::prop_kind::backward, g, x,
                            static_cast<float>(node.attr<BatchNormAttrs>().epsilon),
                            Flag::use_scale | Flag::use_shift);
  const Backward::primitive_desc pd(desc, user_scratchpad(), dnnl_engine(), forward_pd(node));
  auto call = std::make_unique<DnnlCall>();
  // The shift has no part in its own gradient, but oneDNN asks for an argument: the scale stands
  // in.
  call->add(Backward(pd),
            {{DNNL_ARG_SRC, x, {Slot::in, 0}},
             {DNNL_ARG_DIFF_DST, g, {Slot::in, 1}},
             {DNNL_ARG_SCALE, channels, {Slot::in, 2}},
             {DNNL_ARG_SHIFT, channels, {Slot::in, 2}},
             {DNNL_ARG_MEAN, pd.mean_desc(), {Slot::in, 3}},
             {DNNL_ARG_VARIANCE, pd.variance_desc(), {Slot::in, 4}},
             {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), {Slot::out, 0}},
             {DNNL_ARG_DIFF_SCALE, channels, {Slot::out, 1}},
             {DNNL_ARG_DIFF_SHIFT, channels, {Slot::out, 2}}},
            pd.scratchpad_desc());
  return call;
}

}  // namespace suan::cpu
