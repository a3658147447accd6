// oneDNN's int8 primitives. Its version 2 adds the bias before it scales, so the terms are divided
// by the factors; the weights' compensation for signed data is part of what is packed.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/int8.h"

#include <algorithm>

#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/int8_tail.h"
#include "suan/ops/conv.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

using Desc = dnnl::memory::desc;

dnnl::primitive_attr attributes(const Int8Tail& t, int channel_axis) {
  dnnl::primitive_attr attr = user_scratchpad();
  attr.set_output_scales(1 << channel_axis, t.factors);
  attr.set_post_ops(t.tail.post_ops);
  if (t.region.x.zero != 0) attr.set_zero_points(DNNL_ARG_SRC, 0, {t.region.x.zero});
  return attr;
}

// The terms in units of the sums. A channel whose weights are all zero has a scale of its own.
std::vector<float> bias_of(const Int8Tail& t) {
  std::vector<float> bias = t.terms;
  for (size_t i = 0; i < bias.size(); ++i) bias[i] /= t.factors[i];
  return bias;
}

struct Operands {
  const Node& node;
  const Int8Tail& t;
  const Tensor& x() const { return at(t.region.x.operand); }
  const Tensor& weights() const { return at(t.region.weights); }
  const Tensor& at(int operand) const { return node.inputs[static_cast<size_t>(operand)]; }
  bool packs() const { return is(weights().node(), Op::constant); }
};

// What both kinds of product do once their primitive is described.
template <class Primitive, class PrimitiveDesc>
std::unique_ptr<Call> finish(const Operands& o, const PrimitiveDesc& pd, const Desc& stored_weights,
                             const Desc& bias) {
  auto call = std::make_unique<DnnlCall>();
  const Slot from{Slot::in, o.t.region.weights};
  const Slot w = o.packs() ? call->packed(from.index, {stored_weights, pd.weights_desc()})
                           : call->reordered(from, stored_weights, pd.weights_desc());
  std::vector<DnnlCall::Argument> arguments{
      {DNNL_ARG_SRC, pd.src_desc(), {Slot::in, o.t.region.x.operand}},
      {DNNL_ARG_WEIGHTS, pd.weights_desc(), w},
      {DNNL_ARG_DST, pd.dst_desc(), {Slot::out, 0}}};
  if (!o.t.terms.empty()) {
    arguments.push_back({DNNL_ARG_BIAS, bias, call->constant(bias_of(o.t))});
  }
  add_tail(*call, o.t.tail, arguments);
  call->add(Primitive(pd), std::move(arguments), pd.scratchpad_desc());
  return call;
}

Desc conv_weights(const Shape& w, int64_t groups) {
  Shape shape = w;
  if (groups > 1) {
    shape[0] /= groups;
    shape.insert(0, groups);
  }
  return dnnl_desc(shape, DType::i8, Layout::plain);
}

dnnl::convolution_forward::primitive_desc conv_pd(const Operands& o, const Desc& weights,
                                                  const Desc& bias) {
  const Node& product = *o.t.region.product;
  const auto& a = product.attr<ConvAttrs>();
  dnnl::memory::dims dilation = a.dilation;
  for (auto& d : dilation) --d;  // oneDNN counts the holes
  const Desc x = dnnl_desc(o.x()), w = dnnl_any(weights);
  const Desc y = dnnl_desc(o.node.types[0].shape, o.node.types[0].dtype, o.node.layout(0));
  const auto kind = dnnl::prop_kind::forward_inference;
  const auto how = dnnl::algorithm::convolution_direct;
  const auto desc = o.t.terms.empty()
                        ? dnnl::convolution_forward::desc(kind, how, x, w, y, a.stride, dilation,
                                                          a.pad_begin, a.pad_end)
                        : dnnl::convolution_forward::desc(kind, how, x, w, bias, y, a.stride,
                                                          dilation, a.pad_begin, a.pad_end);
  return {desc, attributes(o.t, 1), dnnl_engine()};
}

Desc bias_desc(const Int8Tail& t, bool matrix) {
  const auto n = static_cast<dnnl_dim_t>(t.factors.size());
  const dnnl::memory::dims dims = matrix ? dnnl::memory::dims{1, n} : dnnl::memory::dims{n};
  return {dims, dnnl::memory::data_type::f32,
          matrix ? dnnl::memory::format_tag::ab : dnnl::memory::format_tag::a};
}

}  // namespace

const char* int8_conv_why_not(const Node& node) {
  Int8Tail t;
  if (const char* reason = read_int8_tail(node, Op::conv, t)) return reason;
  const auto last = [&](int operand) {
    return layout_of(node.inputs[static_cast<size_t>(operand)]) == Layout::channels_last;
  };
  const bool fits = last(t.region.x.operand) && node.layout(0) == Layout::channels_last &&
                    (t.tail.residual < 0 || last(t.tail.residual));
  return fits ? nullptr : "its data is not channels last";
}

std::unique_ptr<Call> make_int8_conv_call(const Node& node) {
  Int8Tail t;
  read_int8_tail(node, Op::conv, t);
  const Operands o{node, t};
  const Desc weights =
      conv_weights(o.weights().shape(), t.region.product->attr<ConvAttrs>().groups);
  const Desc bias = bias_desc(t, false);
  return finish<dnnl::convolution_forward>(o, conv_pd(o, weights, bias), weights, bias);
}

const char* int8_matmul_why_not(const Node& node) {
  Int8Tail t;
  return read_int8_tail(node, Op::matmul, t);
}

std::unique_ptr<Call> make_int8_matmul_call(const Node& node) {
  Int8Tail t;
  read_int8_tail(node, Op::matmul, t);
  const Operands o{node, t};
  const Shape& shape = o.x().shape();
  const auto n = static_cast<dnnl_dim_t>(t.factors.size());
  const dnnl_dim_t k = shape.back(), m = shape.numel() / k;
  const bool transposed = t.region.product->attr<MatmulAttrs>().transpose_b;
  const auto plain = dnnl::memory::format_tag::ab;
  const Desc x({m, k}, dnnl_type(o.x().dtype()), plain);
  const Desc y({m, n}, dnnl_type(node.types[0].dtype), plain);
  const Desc weights({k, n}, dnnl::memory::data_type::s8,
                     transposed ? dnnl::memory::format_tag::ba : plain);
  const Desc bias = bias_desc(t, true), w = o.packs() ? dnnl_any(weights) : weights;
  const auto desc =
      t.terms.empty() ? dnnl::matmul::desc(x, w, y) : dnnl::matmul::desc(x, w, bias, y);
  const dnnl::matmul::primitive_desc pd(desc, attributes(t, 1), dnnl_engine());
  return finish<dnnl::matmul>(o, pd, weights, bias);
}

}  // namespace suan::cpu
