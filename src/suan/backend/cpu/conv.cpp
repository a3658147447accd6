// conv, conv_transpose and conv_weight_gradient as oneDNN's forward, backward data and backward
// weights. Weights stay plain outside; each call packs them into the primitive's own form (about 1
// % of its time). SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/conv.h"

#include "suan/backend/cpu/dnnl.h"
#include "suan/ops/conv.h"
#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

using dnnl::algorithm;
using Desc = dnnl::memory::desc;

// The convolution behind a node, whichever of the three ops it is.
struct Problem {
  ConvAttrs attrs;
  Type x, w, y;
  Layout x_layout, y_layout;
};

Problem problem_of(const Node& node) {
  Problem p;
  p.attrs = node.attr<ConvAttrs>();
  const Tensor &a = node.inputs[0], &b = node.inputs[1];
  if (is(node, Op::conv)) {
    p.x = a.type(), p.w = b.type(), p.y = node.types[0];
    p.x_layout = layout_of(a), p.y_layout = node.layout(0);
  } else if (is(node, Op::conv_transpose)) {
    p.y = a.type(), p.w = b.type(), p.x = node.types[0];
    p.y_layout = layout_of(a), p.x_layout = node.layout(0);
  } else {
    p.x = a.type(), p.y = b.type(), p.w = node.types[0];
    p.x_layout = layout_of(a), p.y_layout = layout_of(b);
  }
  return p;
}

Desc weights_desc(const Problem& p) {
  Shape shape = p.w.shape;
  if (p.attrs.groups > 1) {
    shape[0] /= p.attrs.groups;
    shape.insert(0, p.attrs.groups);
  }
  return dnnl_desc(shape, p.w.dtype, Layout::plain);
}

struct Geometry {
  dnnl::memory::dims stride, dilation, pad_begin, pad_end;
};
Geometry geometry(const ConvAttrs& a) {
  Geometry g{a.stride, a.dilation, a.pad_begin, a.pad_end};
  for (auto& d : g.dilation) --d;  // oneDNN counts the holes
  return g;
}

dnnl::convolution_forward::primitive_desc forward_pd(const Problem& p, algorithm how,
                                                     const Desc* bias) {
  const Geometry g = geometry(p.attrs);
  const Desc x = dnnl_desc(p.x.shape, p.x.dtype, p.x_layout);
  const Desc y = dnnl_desc(p.y.shape, p.y.dtype, p.y_layout);
  const Desc w = dnnl_any(weights_desc(p));
  const auto kind = dnnl::prop_kind::forward_training;
  const auto desc = bias ? dnnl::convolution_forward::desc(kind, how, x, w, *bias, y, g.stride,
                                                           g.dilation, g.pad_begin, g.pad_end)
                         : dnnl::convolution_forward::desc(kind, how, x, w, y, g.stride, g.dilation,
                                                           g.pad_begin, g.pad_end);
  return {desc, user_scratchpad(), dnnl_engine()};
}

std::unique_ptr<Call> make_forward(const Node& node, const Problem& p, algorithm how) {
  const bool biased = node.inputs.size() > 2 && node.inputs[2];
  const Desc bias = biased ? dnnl_desc(node.inputs[2]) : Desc();
  const auto pd = forward_pd(p, how, biased ? &bias : nullptr);
  auto call = std::make_unique<DnnlCall>();
  const Slot w = call->reordered({Slot::in, 1}, weights_desc(p), pd.weights_desc());
  std::vector<DnnlCall::Argument> arguments{{DNNL_ARG_SRC, pd.src_desc(), {Slot::in, 0}},
                                            {DNNL_ARG_WEIGHTS, pd.weights_desc(), w},
                                            {DNNL_ARG_DST, pd.dst_desc(), {Slot::out, 0}}};
  if (biased) arguments.push_back({DNNL_ARG_BIAS, bias, {Slot::in, 2}});
  call->add(dnnl::convolution_forward(pd), std::move(arguments), pd.scratchpad_desc());
  return call;
}

std::unique_ptr<Call> make_backward_data(const Problem& p, algorithm how) {
  const Geometry g = geometry(p.attrs);
  const auto hint = forward_pd(p, how, nullptr);
  const dnnl::convolution_backward_data::desc desc(
      how, dnnl_desc(p.x.shape, p.x.dtype, p.x_layout), dnnl_any(weights_desc(p)),
      dnnl_desc(p.y.shape, p.y.dtype, p.y_layout), g.stride, g.dilation, g.pad_begin, g.pad_end);
  const dnnl::convolution_backward_data::primitive_desc pd(desc, user_scratchpad(), dnnl_engine(),
                                                           hint);
  auto call = std::make_unique<DnnlCall>();
  const Slot w = call->reordered({Slot::in, 1}, weights_desc(p), pd.weights_desc());
  call->add(dnnl::convolution_backward_data(pd),
            {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), {Slot::in, 0}},
             {DNNL_ARG_WEIGHTS, pd.weights_desc(), w},
             {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), {Slot::out, 0}}},
            pd.scratchpad_desc());
  return call;
}

std::unique_ptr<Call> make_backward_weights(const Problem& p, algorithm how) {
  const Geometry g = geometry(p.attrs);
  const auto hint = forward_pd(p, how, nullptr);
  const dnnl::convolution_backward_weights::desc desc(
      how, dnnl_desc(p.x.shape, p.x.dtype, p.x_layout), dnnl_any(weights_desc(p)),
      dnnl_desc(p.y.shape, p.y.dtype, p.y_layout), g.stride, g.dilation, g.pad_begin, g.pad_end);
  const dnnl::convolution_backward_weights::primitive_desc pd(desc, user_scratchpad(),
                                                              dnnl_engine(), hint);
  auto call = std::make_unique<DnnlCall>();
  const Desc plain = weights_desc(p);
  const Slot w = call->target({Slot::out, 0}, plain, pd.diff_weights_desc());
  call->add(dnnl::convolution_backward_weights(pd),
            {{DNNL_ARG_SRC, pd.src_desc(), {Slot::in, 0}},
             {DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), {Slot::in, 1}},
             {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc(), w}},
            pd.scratchpad_desc());
  call->finish(w, pd.diff_weights_desc(), {Slot::out, 0}, plain);
  return call;
}

std::unique_ptr<Call> make(const Node& node, algorithm how) {
  const Problem p = problem_of(node);
  if (is(node, Op::conv)) return make_forward(node, p, how);
  if (is(node, Op::conv_transpose)) return make_backward_data(p, how);
  return make_backward_weights(p, how);
}

}  // namespace

const char* direct_why_not(const Node& node) {
  const Problem p = problem_of(node);
  if (p.y.dtype != DType::f32 && p.y.dtype != DType::bf16) return "the dtype is not f32 or bf16";
  if (p.y.dtype == DType::bf16 && !has_avx512()) return "bf16 needs AVX-512";
  if (p.x.shape.numel() == 0 || p.y.shape.numel() == 0) return "there is nothing to compute";
  if (node.layout(0) != Layout::plain && is(node, Op::conv_weight_gradient)) {
    return "weights are not in plain layout";
  }
  return nullptr;
}
std::unique_ptr<Call> make_direct_call(const Node& node) {
  return make(node, algorithm::convolution_direct);
}

const char* winograd_why_not(const Node& node) {
  if (const char* reason = direct_why_not(node)) return reason;
  const Problem p = problem_of(node);
  const ConvAttrs& a = p.attrs;
  if (!has_avx512()) return "it needs AVX-512";
  if (p.x.dtype != DType::f32) return "the dtype is not f32";
  if (p.x_layout != Layout::blocked16 || p.y_layout != Layout::blocked16) {
    return "its data is not in blocked layout";
  }
  if (p.w.shape.rank() != 4 || p.w.shape[2] != 3 || p.w.shape[3] != 3)
    return "the kernel is not 3x3";
  if (a.groups != 1) return "it has groups";
  for (size_t i = 0; i < 2; ++i) {
    if (a.stride[i] != 1 || a.dilation[i] != 1) return "stride or dilation is not 1";
    if (a.pad_begin[i] > 1 || a.pad_end[i] > 1) return "the padding is above 1";
  }
  if (p.x.shape[1] < 32 || p.y.shape[1] < 32) return "direct is faster below 32 channels";
  return nullptr;
}
std::unique_ptr<Call> make_winograd_call(const Node& node) {
  return make(node, algorithm::convolution_winograd);
}

}  // namespace suan::cpu
