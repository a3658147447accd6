// Folding what can be folded into the factors and terms: bias, what scales whole channels, and the
// result's scale where nothing but a residual and relu stands before it.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/int8_tail.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "suan/ops/fused.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

namespace suan::cpu {
namespace {

using dnnl::algorithm;
using Link = QuantizedRegion::Link;
using Links = std::span<const Link>;

int64_t channels_of(const Node& product) {
  const Shape& y = product.types[0].shape;
  return is(product, Op::conv) ? y[1] : y.back();
}

// The numbers of a constant operand that has one for each output channel; empty: it is another.
std::vector<float> by_channel(const Node& node, const Node& product, int operand) {
  const Tensor& t = node.inputs[static_cast<size_t>(operand)];
  if (!is(t.node(), Op::constant) || t.dtype() != DType::f32) return {};
  const int64_t n = channels_of(product);
  const int axis = is(product, Op::conv) ? 1 : product.types[0].shape.rank() - 1;
  const int from_end = product.types[0].shape.rank() - axis;
  const bool fits =
      t.shape().numel() == n && t.rank() >= from_end && t.shape()[t.rank() - from_end] == n;
  if (!fits) return {};
  const auto* values = t.node().values[0]->as<float>();
  return {values, values + n};
}

class Builder {
 public:
  Builder(const Node& node, Int8Tail& out) : node_(node), out_(out), region_(out.region) {}

  const char* build() {
    const int64_t n = channels_of(*region_.product);
    out_.factors = weight_scales(node_, region_, n);
    for (float& f : out_.factors) f *= region_.x.scale;
    out_.tail.anchor = region_.product;
    Links links = region_.links;
    if (region_.bias >= 0) {
      const std::vector<float> bias = given_by_channel(region_.bias);
      if (!bias.empty()) {
        out_.terms = bias;
      } else if (const char* reason = add_vector(region_.bias)) {
        return reason;
      }
    }
    while (out_.tail.post_ops.len() == 0 && !links.empty() && folds(links[0])) {
      links = links.subspan(1);
    }
    return region_.result && only_scales(links) ? finish_scaled(links) : finish(links);
  }

 private:
  // A bias has one axis, whatever the product's rank is.
  std::vector<float> given_by_channel(int operand) const {
    const Tensor& t = node_.inputs[static_cast<size_t>(operand)];
    if (!is(t.node(), Op::constant) || t.rank() != 1 || t.dtype() != DType::f32) return {};
    const auto* values = t.node().values[0]->as<float>();
    return {values, values + t.shape()[0]};
  }
  const char* add_vector(int operand) {
    const Tensor& t = node_.inputs[static_cast<size_t>(operand)];
    if (t.dtype() != DType::f32) return "the bias is not f32";
    dnnl::memory::dims dims(static_cast<size_t>(region_.product->types[0].shape.rank()), 1);
    dims[1] = t.shape()[0];
    const dnnl::memory::desc desc(dims, dnnl_type(t.dtype()),
                                  dims.size() == 3   ? dnnl::memory::format_tag::abc
                                  : dims.size() == 4 ? dnnl::memory::format_tag::abcd
                                                     : dnnl::memory::format_tag::abcde);
    out_.tail.binaries.push_back({out_.tail.post_ops.len(), operand, desc});
    out_.tail.post_ops.append_binary(algorithm::binary_add, desc);
    return nullptr;
  }

  std::vector<float>& terms() {
    if (out_.terms.empty()) out_.terms.resize(out_.factors.size(), 0.0F);
    return out_.terms;
  }
  // Whether the link became part of the factors and terms.
  bool folds(const Link& link) {
    const Op op = link.node->op->code;
    const bool sum = op == Op::add || (op == Op::sub && !link.swapped);
    if (!sum && op != Op::mul) return false;
    std::vector<float> values;
    if (link.number) {
      values.assign(out_.factors.size(), *link.number);
    } else if (link.operand >= 0) {
      values = by_channel(node_, *region_.product, link.operand);
    }
    if (values.empty()) return false;
    for (size_t i = 0; i < values.size(); ++i) {
      if (sum) {
        terms()[i] += op == Op::sub ? -values[i] : values[i];
      } else {
        out_.factors[i] *= values[i];
        if (!out_.terms.empty()) out_.terms[i] *= values[i];
      }
    }
    return true;
  }

  // Whether a factor above zero may stand before these links instead of behind them, if what they
  // add and compare with is scaled too.
  bool only_scales(Links links) const {
    if (out_.tail.post_ops.len() > 0) return false;
    for (size_t i = 0; i < links.size(); ++i) {
      const Op op = links[i].node->op->code;
      const bool residual = i == 0 && is_residual(links[i]);
      const bool bound = links[i].number && (op == Op::minimum || op == Op::maximum);
      if (!residual && op != Op::relu && !bound) return false;
    }
    return true;
  }
  bool is_residual(const Link& link) const {
    return link.quantized.operand >= 0 && is(*link.node, Op::add) &&
           link.other->type() == region_.product->types[0];
  }

  // In units of the result's scale. Bounds that the stored dtype has anyway are left to it.
  const char* finish_scaled(Links links) {
    const QuantizedOperand& y = *region_.result;
    const float gain = 1 / y.scale, zero = static_cast<float>(y.zero);
    for (float& f : out_.factors) f *= gain;
    for (float& t : out_.terms) t *= gain;
    if (!links.empty() && is_residual(links[0])) {
      if (const char* reason = add_residual(links[0].quantized, gain)) return reason;
      links = links.subspan(1);
    }
    if (y.zero != 0) {
      for (float& t : terms()) t += zero;
    }
    const IntegerRange range = integer_range(y.dtype);
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    float low = -kInfinity, high = kInfinity;
    for (const Link& link : links) {
      const float bound = (link.number ? *link.number * gain : 0.0F) + zero;
      if (is(*link.node, Op::minimum)) {
        high = std::min(high, bound);
        low = std::min(low, bound);
      } else {
        low = std::max(low, bound);
        high = std::max(high, bound);
      }
    }
    const bool inside =
        low > static_cast<float>(range.low) || high < static_cast<float>(range.high);
    if (!inside) return nullptr;
    if (low == 0 && high == kInfinity) {
      out_.tail.post_ops.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
    } else {
      low = std::max(low, static_cast<float>(range.low));
      high = std::min(high, static_cast<float>(range.high));
      out_.tail.post_ops.append_eltwise(1, algorithm::eltwise_clip, low, high);
    }
    return nullptr;
  }

  const char* add_residual(const QuantizedOperand& r, float gain) {
    if (out_.tail.residual >= 0) return "two whole tensors join";
    if (!region_.result) return "what is added is quantized and the result is not";
    out_.tail.residual = r.operand;
    out_.tail.post_ops.append_sum(r.scale * gain, r.zero, dnnl_type(r.dtype));
    return nullptr;
  }

  const char* finish(Links links) {
    const auto append = [&](Links part, Affine last) {
      std::vector<RegionChain::Link> plain(part.begin(), part.end());
      return append_links(out_.tail, plain, last);
    };
    for (size_t i = 0; i < links.size(); ++i) {
      if (links[i].quantized.operand < 0) continue;
      if (!is_residual(links[i])) return "a quantized value is not added whole";
      if (const char* reason = append(links.first(i), {})) return reason;
      if (const char* reason = add_residual(links[i].quantized, 1)) return reason;
      links = links.subspan(i + 1);
      break;
    }
    for (const Link& link : links) {
      if (link.quantized.operand >= 0) return "two whole tensors join";
    }
    Affine last;
    if (region_.result) {
      last = {1 / region_.result->scale, static_cast<float>(region_.result->zero)};
    }
    if (const char* reason = append(links, last)) return reason;
    if (region_.result && out_.tail.residual >= 0 && residual_is_float()) {
      return "what is added is not quantized and the result is";
    }
    return repeats() ? "oneDNN takes each elementwise post-op once" : nullptr;
  }
  bool residual_is_float() const {
    return std::any_of(region_.links.begin(), region_.links.end(), [&](const Link& link) {
      return link.operand >= 0 && link.operand == out_.tail.residual;
    });
  }
  bool repeats() const {
    std::set<algorithm> seen;
    const dnnl::post_ops& ops = out_.tail.post_ops;
    for (int i = 0; i < ops.len(); ++i) {
      if (ops.kind(i) != dnnl::primitive::kind::eltwise) continue;
      float scale = 1, alpha = 0, beta = 0;
      algorithm how = algorithm::undef;
      ops.get_params_eltwise(i, scale, how, alpha, beta);
      if (!seen.insert(how).second) return true;
    }
    return false;
  }

  const Node& node_;
  Int8Tail& out_;
  const QuantizedRegion& region_;
};

const char* sizes_why_not(const QuantizedRegion& region) {
  if (!has_avx512_vnni()) return "products of 8-bit integers need AVX-512 VNNI";
  if (region.weights_dtype != DType::i8) return "the weights are not i8";
  const Node& product = *region.product;
  const Shape& w = product.inputs[1].shape();
  if (product.types[0].dtype != DType::f32) return "the product is not f32";
  if (product.types[0].shape.numel() == 0) return "there is nothing to compute";
  if (product.inputs[0].shape().numel() == 0) return "there is nothing to compute";
  const bool conv = is(product, Op::conv);
  const int64_t terms = conv ? w.numel() / w[0] : product.inputs[0].shape().back();
  if (terms > kMostProducts) return "sums of so many products could overflow i32";
  if (!conv && (w.rank() != 2 || product.inputs[0].rank() < 2)) return "it is a batch of products";
  if (!conv && product.attr<MatmulAttrs>().transpose_a) return "the left operand is transposed";
  return nullptr;
}

}  // namespace

const char* read_int8_tail(const Node& node, Op product, Int8Tail& out) {
  if (const char* reason = read_quantized(node, out.region)) return reason;
  if (!is(*out.region.product, product)) return "it is another op";
  if (const char* reason = sizes_why_not(out.region)) return reason;
  return Builder(node, out).build();
}

const char* int8_why_not(const Graph& region) {
  // A node whose operands are the region's inputs: where constants matter, they count as unknown,
  // which is the harder case.
  QuantizedRegion read;
  if (const char* reason = read_quantized(region, read)) return reason;
  if (const char* reason = sizes_why_not(read)) return reason;
  Graph copy = region;
  const NodePtr node = make_fused(region.inputs, std::move(copy));
  Int8Tail tail;
  tail.region = read;
  if (read.weights_scales >= 0) {  // known then
    tail.region.weights_scales = -1;
    tail.region.weights_scale = 1.0F;
  }
  return Builder(*node, tail).build();
}

}  // namespace suan::cpu
