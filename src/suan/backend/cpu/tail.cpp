// Reading regions as post-ops.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/tail.h"

#include <algorithm>
#include <limits>
#include <set>

#include "suan/backend/cpu/int8_tail.h"
#include "suan/backend/cpu/weight_only.h"
#include "suan/backend/region_chain.h"

namespace suan::cpu {
namespace {

using dnnl::algorithm;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Unary {
  Op op;
  algorithm how;
  float alpha = 0, beta = 0;
};
constexpr Unary kUnary[] = {
    {Op::relu, algorithm::eltwise_relu},
    {Op::sigmoid, algorithm::eltwise_logistic},
    {Op::tanh, algorithm::eltwise_tanh},
    {Op::gelu, algorithm::eltwise_gelu_erf},
    {Op::gelu_tanh, algorithm::eltwise_gelu_tanh},
    {Op::silu, algorithm::eltwise_swish, 1},
    {Op::hard_swish, algorithm::eltwise_hardswish},
    {Op::abs, algorithm::eltwise_abs},
    {Op::square, algorithm::eltwise_square},
    {Op::neg, algorithm::eltwise_linear, -1},
};

// Turns the links of a chain into post-ops.
class Reader {
 public:
  explicit Reader(Tail& tail) : tail_(tail) {}

  const char* read(const RegionChain& chain) {
    tail_.anchor = chain.anchor;
    tail_.inputs = chain.inputs;
    return add(chain.links, {});
  }
  const char* add(std::span<const RegionChain::Link> links, Affine last) {
    for (const RegionChain::Link& link : links) {
      const Op op = link.node->op->code;
      const char* reason = link.number  ? with_number(op, *link.number, !link.swapped)
                           : link.other ? with_tensor(op, *link.other, link.operand)
                                        : unary(*link.node);
      if (reason) return reason;
    }
    if (last.factor != 1 || last.term != 0) {
      if (const char* reason = append(algorithm::eltwise_linear, last.factor, last.term)) {
        return reason;
      }
    }
    return flush();
  }

 private:
  // An elementwise step waits for the next one: two linear ones make one, as do two clips.
  const char* append(algorithm how, float alpha, float beta) {
    if (has_step_ && step_ == how && how == algorithm::eltwise_linear) {
      alpha_ *= alpha;
      beta_ = alpha * beta_ + beta;
      return nullptr;
    }
    if (has_step_ && step_ == how && how == algorithm::eltwise_clip) {
      alpha_ = std::min(std::max(alpha_, alpha), beta);
      beta_ = std::min(std::max(beta_, alpha), beta);
      return nullptr;
    }
    if (const char* reason = flush()) return reason;
    has_step_ = true;
    step_ = how;
    alpha_ = alpha;
    beta_ = beta;
    return nullptr;
  }
  const char* flush() {
    if (!has_step_) return nullptr;
    has_step_ = false;
    // oneDNN 2.6 keeps what it generates by the algorithm: a second one would get the first's
    // numbers.
    if (!steps_.insert(step_).second) return "oneDNN takes each elementwise post-op once";
    tail_.post_ops.append_eltwise(1.0f, step_, alpha_, beta_);
    return nullptr;
  }

  const char* unary(const Node& node) {
    for (const Unary& row : kUnary) {
      if (!is(node, row.op)) continue;
      return append(row.how, row.alpha, row.beta);
    }
    return "oneDNN has no such post-op";
  }

  const char* with_number(Op op, float c, bool first) {
    if (op == Op::add) return append(algorithm::eltwise_linear, 1, c);
    if (op == Op::mul) return append(algorithm::eltwise_linear, c, 0);
    if (op == Op::maximum) return append(algorithm::eltwise_clip, c, kInfinity);
    if (op == Op::minimum) return append(algorithm::eltwise_clip, -kInfinity, c);
    if (op == Op::sub && first) return append(algorithm::eltwise_linear, 1, -c);
    if (op == Op::sub) return append(algorithm::eltwise_linear, -1, c);
    if (op == Op::div && first) return append(algorithm::eltwise_linear, 1 / c, 0);
    return "oneDNN has no such post-op";
  }

  const char* with_tensor(Op op, const Tensor& other, int operand) {
    if (op != Op::add && op != Op::mul) return "oneDNN has no such post-op";
    if (const char* reason = flush()) return reason;
    const Type& type = tail_.anchor->types[0];
    if (other.type() == type) {
      if (op != Op::add || tail_.residual >= 0) return "two whole tensors join";
      tail_.residual = operand;
      tail_.post_ops.append_sum(1.0f);
      return nullptr;
    }
    const int rank = type.shape.rank();
    const bool product = is(*tail_.anchor, Op::matmul);
    const int channels = product ? rank - 1 : 1;
    dnnl::memory::dims dims(static_cast<size_t>(rank), 1);
    for (int i = 0; i < other.rank(); ++i) {
      const int axis = i + rank - other.rank();
      if (other.shape()[i] == 1) continue;
      if (axis != channels) return "an operand varies along another axis than the channels";
      dims[static_cast<size_t>(axis)] = other.shape()[i];
    }
    if (product) dims = {1, dims.back()};  // products run as matrices
    dnnl::memory::dims strides(dims.size(), 1);
    for (size_t i = dims.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * dims[i + 1];
    const dnnl::memory::desc desc(dims, dnnl_type(other.dtype()), strides);
    tail_.binaries.push_back({tail_.post_ops.len(), operand, desc});
    tail_.post_ops.append_binary(op == Op::add ? algorithm::binary_add : algorithm::binary_mul,
                                 desc);
    return nullptr;
  }

  Tail& tail_;
  bool has_step_ = false;
  algorithm step_ = algorithm::undef;
  float alpha_ = 0, beta_ = 0;
  std::set<algorithm> steps_;  // that the post-ops have
};

}  // namespace

const char* read_tail(const Node& node, Op anchor, Tail& tail) {
  RegionChain chain;
  const char* reason = read_chain(node, anchor, chain);
  return reason ? reason : Reader(tail).read(chain);
}

const char* append_links(Tail& tail, std::span<const RegionChain::Link> links, Affine last) {
  return Reader(tail).add(links, last);
}

void add_tail(DnnlCall& call, const Tail& tail, std::vector<DnnlCall::Argument>& arguments) {
  if (tail.residual >= 0) call.begin_with(tail.residual);
  for (const Tail::Binary& b : tail.binaries) {
    arguments.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(b.position) | DNNL_ARG_SRC_1,
                         b.desc,
                         {Slot::in, b.operand}});
  }
}

bool begins_tail(const Node& node) {
  if (multiplies_quantized(node)) return has_avx512_vnni();
  if (multiplies_stored_weights(node)) return true;
  const bool matrix =
      is(node, Op::matmul) && node.inputs[1].rank() == 2 && node.inputs[0].rank() > 1;
  if (!matrix && !is(node, Op::conv)) return false;
  // In training the value before the tail is mostly wanted too, and where it is not, checkpointing
  // must give the same bits as where it is.
  if (!is(node.inputs[1].node(), Op::constant)) return false;
  const DType dtype = node.types[0].dtype;
  if (dtype != DType::f32 && !(dtype == DType::bf16 && has_avx512())) return false;
  return node.types[0].shape.numel() != 0 && node.inputs[0].shape().numel() != 0;
}

bool fuses_tail(const Node& /*anchor*/, const Graph& region) {
  if (!int8_why_not(region) || !weight_only_why_not(region)) return true;
  for (const Op anchor : {Op::conv, Op::matmul}) {
    RegionChain chain;
    Tail tail;
    if (!read_chain(region, anchor, chain) && !Reader(tail).read(chain)) return true;
  }
  return false;
}

}  // namespace suan::cpu
