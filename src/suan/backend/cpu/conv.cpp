// conv, conv_transpose and conv_weight_gradient as oneDNN's forward, backward data and backward
// weights. Weights stay plain outside: constant ones are packed once, others by each call (about 1
// % of its time). SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/conv.h"

#include <string_view>

#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/tail.h"
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
  bool widens = false;    // bf16 outside, computed in f32
  int weights = 1;        // which operand they are
  bool constant = false;  // and whether they are packed once
  bool reforms = false;   // data is brought into the form that the primitive likes best

  DType computed(const Type& type) const { return widens ? DType::f32 : type.dtype; }
  Desc x_desc() const { return data_desc(x, x_layout); }
  Desc y_desc() const { return data_desc(y, y_layout); }
  Desc stored_x() const { return dnnl_desc(x.shape, x.dtype, x_layout); }
  Desc stored_y() const { return dnnl_desc(y.shape, y.dtype, y_layout); }

 private:
  Desc data_desc(const Type& type, Layout layout) const {
    const Desc desc = dnnl_desc(type.shape, computed(type), layout);
    return reforms ? dnnl_any(desc) : desc;
  }
};

// A convolution, alone or with its tail.
Problem problem_of(const Node& node, const Tail& tail) {
  Problem p;
  p.attrs = tail.anchor->attr<ConvAttrs>();
  p.weights = tail.inputs[1];
  const Tensor &x = node.inputs[static_cast<size_t>(tail.inputs[0])],
               &w = node.inputs[static_cast<size_t>(tail.inputs[1])];
  p.x = x.type(), p.w = w.type(), p.y = node.types[0];
  p.x_layout = layout_of(x), p.y_layout = node.layout(0);
  p.constant = is(w.node(), Op::constant);
  return p;
}
bool is_forward(const Node& node) { return is(node, Op::conv) || is(node, Op::fused); }
Problem problem_of(const Node& node) {
  if (is_forward(node)) {
    Tail tail;
    read_tail(node, Op::conv, tail);
    return problem_of(node, tail);
  }
  Problem p;
  p.attrs = node.attr<ConvAttrs>();
  const Tensor &a = node.inputs[0], &b = node.inputs[1];
  if (is(node, Op::conv_transpose)) {
    p.constant = is(b.node(), Op::constant);
    p.y = a.type(), p.w = b.type(), p.x = node.types[0];
    p.y_layout = layout_of(a), p.x_layout = node.layout(0);
  } else {
    p.x = a.type(), p.y = b.type(), p.w = node.types[0];
    p.x_layout = layout_of(a), p.y_layout = layout_of(b);
  }
  return p;
}

Desc weights_desc(const Problem& p, DType dtype) {
  Shape shape = p.w.shape;
  if (p.attrs.groups > 1) {
    shape[0] /= p.attrs.groups;
    shape.insert(0, p.attrs.groups);
  }
  return dnnl_desc(shape, dtype, Layout::plain);
}
Desc stored_weights(const Problem& p) { return weights_desc(p, p.w.dtype); }

// The weights as a primitive wants them. Winograd's form is made of plain f32 only.
Slot packed_weights(DnnlCall& call, const Problem& p, const Desc& wanted) {
  Desc from = stored_weights(p);
  if (p.constant) {
    std::vector<Desc> chain{from};
    if (p.widens) chain.push_back(weights_desc(p, DType::f32));
    if (chain.back() != wanted) chain.push_back(wanted);
    return call.packed(p.weights, std::move(chain));
  }
  Slot slot{Slot::in, p.weights};
  if (p.widens) {
    const Desc wide = weights_desc(p, DType::f32);
    slot = call.reordered(slot, from, wide);
    from = wide;
  }
  return call.reordered(slot, from, wanted);
}

struct Geometry {
  dnnl::memory::dims stride, dilation, pad_begin, pad_end;
};
Geometry geometry(const ConvAttrs& a) {
  Geometry g{a.stride, a.dilation, a.pad_begin, a.pad_end};
  for (auto& d : g.dilation) --d;  // oneDNN counts the holes
  return g;
}

// For bf16 with channels that fill no block (8, say), oneDNN may have only reference loops, some
// hundred times slower than a pass over the data into a form that it has a kernel for.
template <class Make>
auto made_fast(Problem& p, const Make& make) {
  const auto is_reference = [](const auto& pd) {
    return std::string_view(pd.impl_info_str()).find("ref") != std::string_view::npos;
  };
  auto pd = make(p);
  if (!is_reference(pd)) return pd;
  p.reforms = true;
  auto other = make(p);
  if (!is_reference(other)) return other;
  p.reforms = false;
  return pd;
}

dnnl::convolution_forward::primitive_desc forward_pd(const Problem& p, algorithm how,
                                                     const Desc* bias,
                                                     const dnnl::post_ops& post_ops = {}) {
  const Geometry g = geometry(p.attrs);
  const Desc x = p.x_desc(), y = p.y_desc(), w = dnnl_any(weights_desc(p, p.computed(p.w)));
  const auto kind = dnnl::prop_kind::forward_training;
  const auto desc = bias ? dnnl::convolution_forward::desc(kind, how, x, w, *bias, y, g.stride,
                                                           g.dilation, g.pad_begin, g.pad_end)
                         : dnnl::convolution_forward::desc(kind, how, x, w, y, g.stride, g.dilation,
                                                           g.pad_begin, g.pad_end);
  dnnl::primitive_attr attr = user_scratchpad();
  attr.set_post_ops(post_ops);
  return {desc, attr, dnnl_engine()};
}

std::unique_ptr<Call> make_forward(const Node& node, algorithm how, bool widens) {
  Tail tail;
  read_tail(node, Op::conv, tail);
  Problem p = problem_of(node, tail);
  p.widens = widens;
  const int bias_operand = tail.inputs.size() > 2 ? tail.inputs[2] : -1;
  const bool biased = bias_operand >= 0;
  const Tensor bias_tensor = biased ? node.inputs[static_cast<size_t>(bias_operand)] : Tensor();
  const Desc stored_bias = biased ? dnnl_desc(bias_tensor) : Desc();
  const Desc bias =
      biased ? dnnl_desc(bias_tensor.shape(), p.computed(bias_tensor.type()), Layout::plain)
             : Desc();
  const auto make_pd = [&](const Problem& problem) {
    return forward_pd(problem, how, biased ? &bias : nullptr, tail.post_ops);
  };
  // What is added lies in the result's form.
  const auto pd = tail.residual < 0 ? made_fast(p, make_pd) : make_pd(p);
  auto call = std::make_unique<DnnlCall>();
  const Slot w = packed_weights(*call, p, pd.weights_desc());
  const Slot x = call->reordered({Slot::in, tail.inputs[0]}, p.stored_x(), pd.src_desc());
  const Slot y = call->target({Slot::out, 0}, p.stored_y(), pd.dst_desc());
  std::vector<DnnlCall::Argument> arguments{{DNNL_ARG_SRC, pd.src_desc(), x},
                                            {DNNL_ARG_WEIGHTS, pd.weights_desc(), w},
                                            {DNNL_ARG_DST, pd.dst_desc(), y}};
  if (biased) {
    arguments.push_back(
        {DNNL_ARG_BIAS, bias, call->reordered({Slot::in, bias_operand}, stored_bias, bias)});
  }
  add_tail(*call, tail, arguments);
  call->add(dnnl::convolution_forward(pd), std::move(arguments), pd.scratchpad_desc());
  call->finish(y, pd.dst_desc(), {Slot::out, 0}, p.stored_y());
  return call;
}

dnnl::convolution_backward_data::primitive_desc backward_data_pd(const Problem& p, algorithm how) {
  const Geometry g = geometry(p.attrs);
  const dnnl::convolution_backward_data::desc desc(
      how, p.x_desc(), dnnl_any(weights_desc(p, p.computed(p.w))), p.y_desc(), g.stride, g.dilation,
      g.pad_begin, g.pad_end);
  return {desc, user_scratchpad(), dnnl_engine(), forward_pd(p, how, nullptr)};
}

std::unique_ptr<Call> make_backward_data(Problem p, algorithm how) {
  const auto pd = made_fast(p, [how](const Problem& q) { return backward_data_pd(q, how); });
  auto call = std::make_unique<DnnlCall>();
  const Slot w = packed_weights(*call, p, pd.weights_desc());
  const Slot y = call->reordered({Slot::in, 0}, p.stored_y(), pd.diff_dst_desc());
  const Slot x = call->target({Slot::out, 0}, p.stored_x(), pd.diff_src_desc());
  call->add(dnnl::convolution_backward_data(pd),
            {{DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), y},
             {DNNL_ARG_WEIGHTS, pd.weights_desc(), w},
             {DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), x}},
            pd.scratchpad_desc());
  call->finish(x, pd.diff_src_desc(), {Slot::out, 0}, p.stored_x());
  return call;
}

dnnl::convolution_backward_weights::primitive_desc backward_weights_pd(const Problem& p,
                                                                       algorithm how) {
  const Geometry g = geometry(p.attrs);
  const dnnl::convolution_backward_weights::desc desc(
      how, p.x_desc(), dnnl_any(weights_desc(p, p.computed(p.w))), p.y_desc(), g.stride, g.dilation,
      g.pad_begin, g.pad_end);
  return {desc, user_scratchpad(), dnnl_engine(), forward_pd(p, how, nullptr)};
}

std::unique_ptr<Call> make_backward_weights(Problem p, algorithm how) {
  const auto pd = made_fast(p, [how](const Problem& q) { return backward_weights_pd(q, how); });
  auto call = std::make_unique<DnnlCall>();
  const Desc plain = weights_desc(p, p.computed(p.w));
  const Slot wide = call->target({Slot::out, 0}, stored_weights(p), plain);
  const Slot w = call->target(wide, plain, pd.diff_weights_desc());
  const Slot x = call->reordered({Slot::in, 0}, p.stored_x(), pd.src_desc());
  const Slot y = call->reordered({Slot::in, 1}, p.stored_y(), pd.diff_dst_desc());
  call->add(dnnl::convolution_backward_weights(pd),
            {{DNNL_ARG_SRC, pd.src_desc(), x},
             {DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), y},
             {DNNL_ARG_DIFF_WEIGHTS, pd.diff_weights_desc(), w}},
            pd.scratchpad_desc());
  call->finish(w, pd.diff_weights_desc(), wide, plain);
  call->finish(wide, plain, {Slot::out, 0}, stored_weights(p));
  return call;
}

std::unique_ptr<Call> make(const Node& node, algorithm how, bool widens = false) {
  if (is_forward(node)) return make_forward(node, how, widens);
  Problem p = problem_of(node);
  p.widens = widens;
  if (is(node, Op::conv_transpose)) return make_backward_data(p, how);
  return make_backward_weights(p, how);
}

}  // namespace

const char* direct_why_not(const Node& node) {
  if (is_forward(node)) {
    Tail tail;
    if (const char* reason = read_tail(node, Op::conv, tail)) return reason;
    const bool same = tail.residual < 0 ||
                      layout_of(node.inputs[static_cast<size_t>(tail.residual)]) == node.layout(0);
    if (!same) return "what is added is in another layout";
  }
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

namespace {

// Winograd's kernels know relu and a sum before it.
const char* tail_without_winograd(const Node& node) {
  if (!is_forward(node)) return nullptr;
  Tail tail;
  read_tail(node, Op::conv, tail);
  const dnnl::post_ops& ops = tail.post_ops;
  for (int i = 0; i < ops.len(); ++i) {
    if (ops.kind(i) == dnnl::primitive::kind::sum && i == 0) continue;
    algorithm how = algorithm::undef;
    float scale = 1, alpha = 0, beta = 0;
    const bool last = i + 1 == ops.len();
    if (last && ops.kind(i) == dnnl::primitive::kind::eltwise) {
      ops.get_params_eltwise(i, scale, how, alpha, beta);
    }
    if (how != algorithm::eltwise_relu) return "its tail is more than a sum and relu";
  }
  return nullptr;
}

const char* tiles_why_not(const Node& node, const Problem& p) {
  const ConvAttrs& a = p.attrs;
  if (a.exact) return "its sums must stay exact";
  if (!has_avx512()) return "it needs AVX-512";
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
  return tail_without_winograd(node);
}

}  // namespace

const char* winograd_likely_slower(const Node& node) {
  const Problem p = problem_of(node);
  const bool few = p.x.shape[1] < 32 || p.y.shape[1] < 32;
  return few ? "direct is mostly faster below 32 channels" : nullptr;
}

const char* winograd_why_not(const Node& node) {
  if (const char* reason = direct_why_not(node)) return reason;
  const Problem p = problem_of(node);
  return p.x.dtype == DType::f32 ? tiles_why_not(node, p) : "the dtype is not f32";
}
std::unique_ptr<Call> make_winograd_call(const Node& node) {
  return make(node, algorithm::convolution_winograd);
}

const char* wide_winograd_why_not(const Node& node) {
  if (const char* reason = direct_why_not(node)) return reason;
  const Problem p = problem_of(node);
  return p.x.dtype == DType::bf16 ? tiles_why_not(node, p) : "the dtype is not bf16";
}
std::unique_ptr<Call> make_wide_winograd_call(const Node& node) {
  return make(node, algorithm::convolution_winograd, true);
}

}  // namespace suan::cpu
