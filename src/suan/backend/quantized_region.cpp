// Reading a region node by node.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/quantized_region.h"

#include <unordered_map>
#include <unordered_set>

#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

namespace suan {
namespace {

constexpr const char* kNone = "the region is no product of quantized values";

bool is_product(const Node& node) { return is(node, Op::conv) || is(node, Op::matmul); }

std::optional<float> number(const Tensor& t) {
  if (!t || !is(t.node(), Op::full) || t.rank() != 0) return std::nullopt;
  return static_cast<float>(t.node().attr<FullAttrs>().value);
}

class Reader {
 public:
  Reader(const Graph& region, QuantizedRegion& out) : region_(region), out_(out) {
    for (size_t i = 0; i < region.inputs.size(); ++i) {
      operand_of_[&region.inputs[i].node()] = static_cast<int>(i);
    }
  }

  const char* read() {
    for (const NodePtr& node : region_.nodes()) {
      if (node->inputs.empty()) continue;  // inputs and numbers
      if (const char* reason = step(*node)) return reason;
    }
    const bool one = region_.outputs.size() == 1 && &region_.outputs[0].node() == value_;
    return out_.product && one ? nullptr : kNone;
  }

 private:
  const char* step(const Node& node) {
    if (is(node, Op::dequantize)) {
      dequantized_.insert(&node);
      return operand(node.inputs[0]) < 0 ? kNone : nullptr;
    }
    if (out_.result) return kNone;  // nothing follows quantize
    const char* reason = is_product(node)         ? product(node)
                         : is(node, Op::quantize) ? result(node)
                                                  : link(node);
    value_ = &node;
    return reason;
  }

  int operand(const Tensor& t) const {
    const auto found = t ? operand_of_.find(&t.node()) : operand_of_.end();
    return found == operand_of_.end() ? -1 : found->second;
  }

  // A value with one scale and zero point, behind a dequantize node.
  std::optional<QuantizedOperand> whole(const Tensor& t) const {
    if (!t || !dequantized_.contains(&t.node())) return std::nullopt;
    const Node& node = t.node();
    if (node.attr<DequantizeAttrs>().block > 0) return std::nullopt;
    return whole(node, node.inputs[0].dtype(), operand(node.inputs[0]));
  }
  static std::optional<QuantizedOperand> whole(const Node& node, DType dtype, int operand) {
    QuantizedOperand value{.operand = operand, .dtype = dtype};
    const std::optional<float> scale = number(node.inputs[1]);
    if (!scale || (dtype != DType::i8 && dtype != DType::u8)) return std::nullopt;
    value.scale = *scale;
    if (node.inputs.size() > 2 && node.inputs[2]) {
      const std::optional<float> zero = number(node.inputs[2]);
      if (!zero) return std::nullopt;
      value.zero = static_cast<int>(*zero);
    }
    return value;
  }

  const char* product(const Node& node) {
    if (out_.product) return kNone;
    out_.product = &node;
    const std::optional<QuantizedOperand> x = whole(node.inputs[0]);
    if (!x) return "what is multiplied has no single scale of 8-bit integers";
    out_.x = *x;
    const Tensor& w = node.inputs[1];
    if (!dequantized_.contains(&w.node())) return "the weights are not quantized";
    const Node& weights = w.node();
    out_.weights = operand(weights.inputs[0]);
    out_.weights_dtype = weights.inputs[0].dtype();
    out_.weights_scale = number(weights.inputs[1]);
    out_.weights_scales = operand(weights.inputs[1]);
    if (!out_.weights_scale && out_.weights_scales < 0) return "the weights' scales are computed";
    const bool zero = weights.inputs.size() > 2 && weights.inputs[2];
    if (zero && number(weights.inputs[2]) != 0.0F) return "the weights have a zero point";
    if (node.inputs.size() > 2 && node.inputs[2]) {
      out_.bias = operand(node.inputs[2]);
      if (out_.bias < 0) return "the bias is computed";
    }
    return nullptr;
  }

  const char* link(const Node& node) {
    if (!out_.product || node.inputs.size() > 2) return kNone;
    QuantizedRegion::Link link{{.node = &node}, {}};
    link.swapped = node.inputs.size() == 2 && &node.inputs[1].node() == value_;
    if (&node.inputs[link.swapped ? 1 : 0].node() != value_) return kNone;
    if (node.inputs.size() == 2) {
      const Tensor& other = node.inputs[link.swapped ? 0 : 1];
      if (&other.node() == value_) return kNone;
      link.other = &other;
      link.number = number(other);
      link.operand = operand(other);
      if (const auto quantized = whole(other)) link.quantized = *quantized;
      if (!link.number && link.operand < 0 && link.quantized.operand < 0) return kNone;
    }
    out_.links.push_back(link);
    return nullptr;
  }

  const char* result(const Node& node) {
    if (!out_.product || &node.inputs[0].node() != value_) return kNone;
    out_.result = whole(node, node.types[0].dtype, -1);
    return out_.result ? nullptr : "the result has no single scale of 8-bit integers";
  }

  const Graph& region_;
  QuantizedRegion& out_;
  std::unordered_map<const Node*, int> operand_of_;
  std::unordered_set<const Node*> dequantized_;
  const Node* value_ = nullptr;
};

// Scales for each output channel and nothing else.
bool by_channel(const Node& product, const Tensor& scale, const Tensor& weights) {
  if (scale.shape().numel() == 1) return true;
  const bool conv = is(product, Op::conv);
  const int lead = weights.rank() - scale.rank();
  const bool last = !conv && !product.attr<MatmulAttrs>().transpose_b;
  const int axis = last ? weights.rank() - 1 : weights.rank() - (conv ? weights.rank() : 2);
  for (int i = 0; i < scale.rank(); ++i) {
    if (scale.shape()[i] != 1 && i + lead != axis) return false;
  }
  return true;
}

}  // namespace

const char* read_quantized(const Graph& region, QuantizedRegion& out) {
  return Reader(region, out).read();
}
const char* read_quantized(const Node& node, QuantizedRegion& out) {
  return node.regions.empty() ? kNone : read_quantized(*node.regions[0], out);
}

std::vector<float> weight_scales(const Node& node, const QuantizedRegion& region, int64_t n) {
  if (region.weights_scale) {
    return std::vector<float>(static_cast<size_t>(n), *region.weights_scale);
  }
  const Node& scales = node.inputs[static_cast<size_t>(region.weights_scales)].node();
  if (is(scales, Op::full)) {
    const auto one = static_cast<float>(scales.attr<FullAttrs>().value);
    return std::vector<float>(static_cast<size_t>(n), one);
  }
  const auto* values = scales.values[0]->as<float>();
  if (scales.types[0].shape.numel() == 1) {
    return std::vector<float>(static_cast<size_t>(n), values[0]);
  }
  return {values, values + n};
}

bool multiplies_quantized(const Node& product) {
  if (!is_product(product)) return false;
  if (!multiplies_integers(product)) return false;
  const Node& w = product.inputs[1].node();
  const Tensor& scale = w.inputs[1];
  if (w.attr<DequantizeAttrs>().block > 0 || w.types[0].dtype != DType::f32) return false;
  if (!is(scale.node(), Op::constant) && !is(scale.node(), Op::full)) return false;
  if (scale.dtype() != DType::f32) return false;
  const bool zero = w.inputs.size() > 2 && w.inputs[2];
  if (zero && !is_full_of(w.inputs[2], 0)) return false;
  return by_channel(product, scale, w.inputs[0]);
}

}  // namespace suan
