// Folding: nodes whose inputs are all constants or numbers become such themselves.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/passes/internal/quantized_product.h"
#include "suan/passes/pass.h"

namespace suan {
namespace {

bool is_number(const Tensor& t) { return is(t.node(), Op::full); }

bool foldable(const Node& node, const std::vector<Tensor>& inputs, size_t small) {
  if (!node.op->infer || node.op->random || node.op->forwards || inputs.empty()) return false;
  if (is(node, Op::check_range)) return false;  // its error belongs to the run
  size_t read = 0, written = 0;
  bool numbers = true;
  for (const Tensor& t : inputs) {
    if (!t) continue;
    if (!is(t.node(), Op::constant) && !is_number(t)) return false;
    numbers = numbers && is_number(t);
    if (!is_number(t)) read += t.type().bytes();
  }
  for (const Type& type : node.types) written += type.bytes();
  constexpr size_t kTiny = 64;
  if (is(node, Op::dequantize) && !numbers) return true;
  return written <= (numbers ? kTiny : std::max(small, 2 * read));  // repeating beats reading
}

// A number that is only given another shape: it stays a number, however often it is repeated.
Tensor reshaped_number(const Node& node, const std::vector<Tensor>& inputs) {
  const bool view = is(node, Op::reshape) || is(node, Op::broadcast_to) || is(node, Op::transpose);
  if (!view || !is_number(inputs[0])) return {};
  const Type& type = node.types[0];
  return full(inputs[0].node().attr<FullAttrs>().value, type.shape, type.dtype);
}

// One floating-point number is kept as such: kernels take it without reading memory.
Tensor known(const Type& type, const BufferPtr& value) {
  if (type.shape.rank() != 0 || !is_arithmetic(type.dtype) || !is_float(type.dtype)) {
    return make_constant(type, value);
  }
  return visit(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    return full(static_cast<double>(*value->as<T>()), type.shape, type.dtype);
  });
}

// Large results are computed when they are wanted, which packing them does once: what is neither
// read nor kept plain takes no memory. Not where indices could be wrong: that is to be said here.
constexpr size_t kLarge = size_t{64} << 10;
bool computed_later(const Node& node, const std::vector<Tensor>& inputs) {
  if (is_view(node) || node.types.size() != 1 || node.types[0].bytes() < kLarge) return false;
  return is(node, Op::dequantize) || std::all_of(inputs.begin(), inputs.end(), [](const Tensor& t) {
           return !t || is_float(t.dtype());
         });
}

// What the result depends on: large inputs by their address, small ones by their content.
std::string key_of(const Node& node, const std::vector<Tensor>& inputs, const Target& target) {
  std::string key = fmt::format("{} {} {} {}", target.name, node.op->name, node.attrs.text(),
                                to_string(node.types[0]));
  for (const Tensor& t : inputs) {
    if (!t) {
      key += " _";
    } else if (is_number(t)) {
      key += fmt::format(" {} {}", to_string(t.type()), t.node().attrs.text());
    } else if (const BufferPtr& value = t.node().values[0]; value->bytes() >= kLarge) {
      key += fmt::format(" {} {}", to_string(t.type()), fmt::ptr(value.get()));
    } else {
      const XXH128_hash_t hash = XXH3_128bits(value->data(), t.type().bytes());
      key += fmt::format(" {} {:x} {:x}", to_string(t.type()), hash.high64, hash.low64);
    }
  }
  return key;
}

// Programs of one model for several shapes fold the same: they share the block, and so what is
// packed of it. A block that is there keeps its inputs, so their addresses are nobody else's; it
// knows them as its own, since what is folded of folded weights can be a long chain.
class Folded {
 public:
  using Fill = std::function<BufferPtr(const Buffer::Inputs&)>;
  BufferPtr deferred(const std::string& key, size_t bytes, Buffer::Inputs inputs, Fill fill) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(key);
    if (BufferPtr block = found == blocks_.end() ? nullptr : found->second.lock()) return block;
    if (blocks_.size() >= most_) {
      std::erase_if(blocks_, [](const auto& entry) { return entry.second.expired(); });
      most_ = 2 * blocks_.size() + kMost;
    }
    BufferPtr block = Buffer::deferred(bytes, std::move(inputs), std::move(fill));
    blocks_[key] = block;
    return block;
  }
  static Folded& all() {
    static auto* folded = new Folded;
    return *folded;
  }

 private:
  static constexpr size_t kMost = 64;
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<Buffer>> blocks_;
  size_t most_ = kMost;  // beyond it those that are gone are forgotten
};

Tensor later(const NodePtr& node, const std::vector<Tensor>& inputs, const Target& target) {
  const Type& type = node->types[0];
  Buffer::Inputs blocks;
  std::vector<Tensor> open = inputs;
  for (Tensor& t : open) {
    if (!t || !is(t.node(), Op::constant)) continue;
    blocks.push_back(t.node().values[0]);
    t = make_input(t.type(), "");
  }
  auto fill = [pattern = with_inputs(*node, open), target](const Buffer::Inputs& given) {
    std::vector<Tensor> operands = pattern->inputs;
    size_t next = 0;
    for (Tensor& t : operands) {
      if (t && is(t.node(), Op::input)) t = make_constant(t.type(), given[next++]);
    }
    return target.evaluate({with_inputs(*pattern, std::move(operands)), 0});
  };
  const std::string key = key_of(*node, inputs, target);
  return make_constant(
      type, Folded::all().deferred(key, type.bytes(), std::move(blocks), std::move(fill)));
}

// What products dequantize: of the weights, or of those that the target takes as they are stored.
using Nodes = std::unordered_set<const Node*>;
Nodes quantized_weights(const Graph& graph, const Target* target = nullptr) {
  Nodes found;
  for (const NodePtr& node : graph.nodes()) {
    if (!is(*node, Op::conv) && !is(*node, Op::matmul)) continue;
    if (quantized_operands(*node).empty()) continue;
    if (!target || takes_quantized(node, *target)) found.insert(&node->inputs[1].node());
  }
  return found;
}

Graph fold_all_but(const Nodes& kept, const Graph& graph, const Target& target) {
  return rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    std::vector<Tensor> outputs;
    if (const Tensor number = reshaped_number(*node, inputs)) return std::vector{number};
    if (kept.contains(node.get()) || !foldable(*node, inputs, target.fold_bytes)) return outputs;
    if (computed_later(*node, inputs)) return std::vector{later(node, inputs, target)};
    const NodePtr copy = with_inputs(*node, inputs);
    for (size_t i = 0; i < node->types.size(); ++i) {
      const Tensor value(copy, static_cast<int>(i));
      outputs.push_back(known(value.type(), target.evaluate(value)));
    }
    return outputs;
  });
}

}  // namespace

Graph fold_constants(const Graph& graph, const Target& target) {
  if (!target.evaluate) return graph;
  const Nodes weights = quantized_weights(graph);
  if (weights.empty()) return fold_all_but({}, graph, target);
  // Whether the target takes them is known when their scales are constants.
  const Graph folded = fold_all_but(weights, graph, target);
  return fold_all_but(quantized_weights(folded, &target), folded, target);
}

}  // namespace suan
