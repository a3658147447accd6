// Attention of all kinds, and what transformers have around it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/arange.h"
#include "suan/ops/attention.h"
#include "suan/ops/concat.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/rotary.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// [b, t, heads d] as [b, t, heads, d].
Tensor unpacked(const NodeView& n, const Tensor& x, int64_t heads, std::string_view what) {
  if (x.rank() != 3 || heads < 1 || x.shape()[2] % heads != 0) {
    n.fail("{} is {}, expected [b, t, c] with c a multiple of {} heads", what, to_string(x.shape()),
           heads);
  }
  return reshape(x, {x.shape()[0], x.shape()[1], heads, x.shape()[2] / heads});
}
Tensor heads_first(const Tensor& x) { return transpose(x, {0, 2, 1, 3}); }

// Queries, keys and values [b, heads, t, d]; keys and values include those of a cache.
struct Problem {
  Tensor q, k, v;
  std::vector<Tensor> inside;  // the three as [b, t, heads, d], where they came so
  Tensor lengths;              // i64[b]: how many of the keys count; undefined: all
  int64_t past = 0;            // keys of the cache
  bool packed = false;         // came as [b, t, heads d], and so goes the result
  int64_t b = 0, h = 0, h_kv = 0, t = 0, s = 0, d = 0;
};

void set_sizes(const NodeView& n, Problem& p) {
  const Shape &q = p.q.shape(), &k = p.k.shape(), &v = p.v.shape();
  const bool fits = q[0] == k[0] && k[0] == v[0] && k[1] == v[1] && k[2] == v[2] && q[3] == k[3] &&
                    k[1] > 0 && q[1] % k[1] == 0 && q[3] > 0;
  if (!fits || !is_float(p.q.dtype()) || p.k.dtype() != p.q.dtype() || !is_float(p.v.dtype())) {
    n.fail("Q {}, K {} and V {} do not fit", to_string(p.q.type()), to_string(p.k.type()),
           to_string(p.v.type()));
  }
  p.b = q[0], p.h = q[1], p.h_kv = k[1], p.t = q[2], p.s = k[2], p.d = q[3];
}

Problem problem_of(const NodeView& n) {
  Problem p{.q = n.in(0), .k = n.in(1), .v = n.in(2)};
  p.packed = p.q.rank() == 3;
  if (p.packed) {
    const int64_t heads = n.i("q_num_heads"), heads_kv = n.i("kv_num_heads");
    p.inside = {unpacked(n, p.q, heads, "Q"), unpacked(n, p.k, heads_kv, "K"),
                unpacked(n, p.v, heads_kv, "V")};
    p.q = heads_first(p.inside[0]);
    p.k = heads_first(p.inside[1]);
    p.v = heads_first(p.inside[2]);
  }
  if (p.q.rank() != 4 || p.k.rank() != 4 || p.v.rank() != 4) {
    n.fail("Q, K and V are {}, {} and {}, expected all of rank 3 or 4", to_string(p.q.shape()),
           to_string(p.k.shape()), to_string(p.v.shape()));
  }
  if (n.has(4) != n.has(5)) n.fail("past_key and past_value come together");
  if (n.has(4)) {
    if (n.has(6)) n.fail("nonpad_kv_seqlen does not go with past_key");
    if (n.in(4).rank() != 4) n.fail("past_key is {}", to_string(n.in(4).shape()));
    p.past = n.in(4).shape()[2];
    p.k = concat({n.in(4), p.k}, 2);
    p.v = concat({n.in(5), p.v}, 2);
    p.inside.clear();
  }
  set_sizes(n, p);
  if (n.has(6)) {
    if (!(n.in(6).shape() == Shape{p.b})) {
      n.fail("nonpad_kv_seqlen is {}, expected [{}]", to_string(n.in(6).shape()), p.b);
    }
    p.lengths = cast(n.in(6), DType::i64);
  }
  return p;
}

Tensor both(const Tensor& a, const Tensor& b) { return a && b ? logical_and(a, b) : a ? a : b; }

// Which keys a query sees: those up to its own position (`causal`), within the windows of the
// attributes, and with `padding` those within the lengths. Undefined: all.
Tensor seen_keys(const NodeView& n, const Problem& p, bool causal, bool padding) {
  const int64_t left = n.i("left_window_size", -1), right = n.i("right_window_size", -1);
  if (left < -1 || right < -1) n.fail("window sizes are {} and {}", left, right);
  const Tensor key = arange(p.s);
  const Tensor lengths = p.lengths ? reshape(p.lengths, {p.b, 1, 1, 1}) : Tensor();
  Tensor query = reshape(arange(p.t), {p.t, 1});
  if (lengths) {
    query = query + (lengths - static_cast<double>(p.t));
  } else {
    query = query + static_cast<double>(p.past);
  }
  const auto distance = [&](int64_t window) {
    return static_cast<double>(std::min(window, p.s + p.t));
  };
  Tensor seen;
  if (causal) seen = less_equal(key, query);
  if (left >= 0) seen = both(seen, greater_equal(key, query - distance(left)));
  if (right >= 0) seen = both(seen, less_equal(key, query + distance(right)));
  if (padding && lengths) seen = both(seen, less(key, lengths));
  return seen;
}

// The mask, with keys beyond its end not seen.
Tensor mask_of(const NodeView& n, const Problem& p) {
  Tensor mask = n.optional(3);
  if (!mask) return mask;
  if (mask.dtype() != DType::boolean) mask = cast(mask, p.q.dtype());
  if (mask.rank() > 0 && mask.shape().back() < p.s) {
    Shape rest = mask.shape();
    rest[rest.rank() - 1] = p.s - mask.shape().back();
    const bool is_bool = mask.dtype() == DType::boolean;
    mask = concat({mask, full(is_bool ? 0 : -kInfinity, rest, mask.dtype())}, -1);
  }
  if (!broadcasts_to(mask.shape(), {p.b, p.h, p.t, p.s})) {
    n.fail("the mask is {}, expected it to broadcast to {}", to_string(n.in(3).shape()),
           to_string(Shape{p.b, p.h, p.t, p.s}));
  }
  return mask;
}

// Scores or weights [b, h, t, s] with the heads of a group as rows of one matrix, and back.
Tensor by_group(const Problem& p, const Tensor& x, int64_t columns) {
  return reshape(x, {p.b, p.h_kv, p.h / p.h_kv * p.t, columns});
}
Tensor by_head(const Problem& p, const Tensor& x, int64_t columns) {
  return reshape(x, {p.b, p.h, p.t, columns});
}

// scale q k^T, with the scale shared between both against overflow.
Tensor scores(const Problem& p, double scale) {
  const double root = std::sqrt(std::abs(scale));
  const Tensor q = p.q * (scale < 0 ? -root : root), k = p.k * root;
  return by_head(p, matmul(by_group(p, q, p.d), k, false, true), p.s);
}

// Softmax over the last axis; a row that sees nothing gives zeros.
Tensor guarded_softmax(const Tensor& x) {
  const Tensor top = max(x, {-1}, true);
  const Tensor e = exp(x - select(greater(top, -kInfinity), top, 0.0));
  const Tensor total = sum(e, {-1}, true);
  return e / select(greater(total, 0.0), total, 1.0);
}

DType softmax_precision(const NodeView& n, DType otherwise) {
  if (!n.has_attr("softmax_precision")) return otherwise;
  const DType dtype = dtype_of_onnx(n.i("softmax_precision"), "softmax_precision");
  if (!is_float(dtype)) n.fail("softmax_precision is {}, expected a float", name(dtype));
  return dtype;
}

// y and the optional fourth output, step by step.
struct Written {
  Tensor y, products;
};
Written write_out(const NodeView& n, const Problem& p, double scale) {
  const DType dtype = p.q.dtype();
  const double cap = n.f("softcap", 0);
  const int64_t mode = n.i("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) n.fail("qk_matmul_output_mode is {}, expected 0 to 3", mode);
  if (p.s == 0) n.fail("there are no keys");
  const Tensor raw = scores(p, scale);
  const Tensor capped = cap > 0 ? tanh(raw / cap) * cap : raw;
  const Tensor mask = mask_of(n, p);
  const bool is_bool = mask && mask.dtype() == DType::boolean;
  Tensor biased = mask && !is_bool ? capped + mask : capped;
  const Tensor seen =
      both(seen_keys(n, p, n.i("is_causal", 0) != 0, true), is_bool ? mask : Tensor());
  if (seen) biased = select(seen, biased, full(-kInfinity, {}, dtype));
  const DType precision = softmax_precision(n, wide(dtype));
  const Tensor rounded = cast(cast(biased, precision), wide(precision));
  const Tensor weights = cast(cast(guarded_softmax(rounded), precision), dtype);
  const int64_t d_v = p.v.shape()[3];
  const Tensor y = by_head(p, matmul(by_group(p, weights, p.s), p.v), d_v);
  const Tensor products[] = {raw, capped, biased, weights};
  return {cast(y, dtype), products[mode]};
}

// Whether the op `attention` computes the same.
bool is_plain(const NodeView& n, const Problem& p, double scale) {
  const DType precision = softmax_precision(n, p.q.dtype());
  return n.f("softcap", 0) == 0 && !n.wants(3) && p.v.dtype() == p.q.dtype() && scale != 0 &&
         p.s > 0 && wide(precision) == wide(p.q.dtype());
}

// Heads come before time, but where they are inside.
Tensor plain_attention(const NodeView& n, const Problem& p, double scale) {
  // The op's queries are the last ones of all keys.
  const bool causal = n.i("is_causal", 0) != 0;
  const bool aligned = p.lengths || p.past == p.s - p.t;
  const Tensor seen = seen_keys(n, p, causal && !aligned, false);
  Tensor mask = mask_of(n, p);
  if (mask && mask.dtype() != DType::boolean && seen) {
    mask = select(seen, mask, full(-kInfinity, {}, mask.dtype()));
  } else {
    mask = both(mask, seen);
  }
  const AttentionAttrs attrs{
      .scale = scale, .causal = causal && aligned, .heads_inside = !p.inside.empty()};
  const AttentionOperands operands{.mask = mask, .lengths = p.lengths};
  if (p.inside.empty()) return attention(p.q, p.k, p.v, attrs, operands);
  return attention(p.inside[0], p.inside[1], p.inside[2], attrs, operands);
}

Outputs attention_rule(const NodeView& n) {
  const Problem p = problem_of(n);
  const double scale = n.f("scale", 1 / std::sqrt(static_cast<double>(p.d)));
  const bool plain = is_plain(n, p, scale);
  Written written = plain ? Written{plain_attention(n, p, scale), {}} : write_out(n, p, scale);
  if (p.packed) {
    const bool first = !plain || p.inside.empty();
    written.y =
        reshape(first ? heads_first(written.y) : written.y, {p.b, p.t, p.h * p.v.shape()[3]});
  }
  return {written.y, p.k, p.v, written.products};
}

// Attention whose scores and weights go through subgraphs.
Outputs flex_attention(const NodeView& n) {
  Problem p{.q = n.in(0), .k = n.in(1), .v = n.in(2)};
  if (p.q.rank() != 4 || p.k.rank() != 4 || p.v.rank() != 4) n.fail("Q, K and V must have rank 4");
  set_sizes(n, p);
  if (p.s == 0) n.fail("there are no keys");
  const double scale = n.f("scale", 1 / std::sqrt(static_cast<double>(p.d)));
  const DType precision = softmax_precision(n, wide(p.q.dtype()));
  const auto modified = [&](const Tensor& x, std::string_view name) {
    if (!n.has_attr(name)) return x;
    const std::vector<Value> results = n.follow(n.graph(name), {x});
    if (results.size() != 1 || !results[0].tensor || !(results[0].tensor.shape() == x.shape())) {
      n.fail("{} gives {}, expected one {}", name,
             results.empty() ? "nothing" : to_string(results[0]), to_string(x.type()));
    }
    return cast(results[0].tensor, x.dtype());
  };
  const Tensor x = modified(cast(scores(p, scale), precision), "score_mod");
  const Tensor weights =
      modified(cast(guarded_softmax(cast(x, wide(precision))), precision), "prob_mod");
  const Tensor y = matmul(by_group(p, weights, p.s), cast(p.v, precision));
  return {cast(by_head(p, y, p.v.shape()[3]), p.v.dtype())};
}

Outputs rotary_embedding_rule(const NodeView& n) {
  const Tensor &x = n.in(0), &cos_cache = n.in(1), &sin_cache = n.in(2);
  const bool packed = x.rank() == 3;
  const Tensor rows = packed ? unpacked(n, x, n.i("num_heads"), "X") : x;
  if (rows.rank() != 4 || !is_float(x.dtype())) {
    n.fail("X is {}, expected a float of rank 3 or 4", to_string(x.type()));
  }
  const int64_t b = rows.shape()[0], t = rows.shape()[packed ? 1 : 2], d = rows.shape()[3];
  const int64_t given = n.i("rotary_embedding_dim", 0), turned = given == 0 ? d : given;
  if (turned < 2 || turned > d || turned % 2) {
    n.fail("{} of {} elements turn, expected an even number", turned, d);
  }
  const auto angles = [&](const Tensor& cache) {
    Tensor y = cache;
    if (n.has(3)) {
      if (cache.rank() != 2) n.fail("a cache is {}, expected rank 2", to_string(cache.shape()));
      y = gather(cache, cast(n.in(3), DType::i64), 0);
    }
    if (!(y.shape() == Shape{b, t, turned / 2})) {
      n.fail("a cache gives {}, expected {}", to_string(y.shape()),
             to_string(Shape{b, t, turned / 2}));
    }
    return reshape(cast(y, x.dtype()),
                   packed ? Shape{b, t, 1, turned / 2} : Shape{b, 1, t, turned / 2});
  };
  const bool interleaved = n.i("interleaved", 0) != 0;
  return {reshape(rotary(rows, angles(cos_cache), angles(sin_cache), {interleaved}), x.shape())};
}

// A state [b, heads, d_k, d_v] that grows by k v^T at each step, and is read by q.
struct Recurrence {
  Tensor q, k, v, decay, beta;  // [b, h_kv, group, t, d], [b, h_kv, t, d]...
  int64_t b = 0, h = 0, h_kv = 0, t = 0, d_k = 0, d_v = 0;
  double scale = 0;
};

Recurrence recurrence_of(const NodeView& n) {
  const std::string rule = n.s("update_rule", "gated_delta");
  const bool gated = rule == "gated" || rule == "gated_delta";
  const bool delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear") {
    n.fail("update_rule is '{}', expected linear, gated, delta or gated_delta", rule);
  }
  if (gated != n.has(4) || delta != n.has(5)) {
    n.fail("update_rule '{}' {} decay and {} beta", rule, gated ? "takes" : "has no",
           delta ? "takes" : "has no");
  }
  Recurrence r;
  r.h = n.i("q_num_heads");
  r.h_kv = n.i("kv_num_heads");
  if (r.h_kv < 1 || r.h < 1 || r.h % r.h_kv) n.fail("{} heads read {}", r.h, r.h_kv);
  const auto wide_heads = [&](int input, int64_t heads, std::string_view what) {
    return heads_first(cast(unpacked(n, n.in(input), heads, what), DType::f32));
  };
  r.q = wide_heads(0, r.h, "query");
  r.k = wide_heads(1, r.h_kv, "key");
  r.v = wide_heads(2, r.h_kv, "value");
  r.b = r.q.shape()[0], r.t = r.q.shape()[2], r.d_k = r.q.shape()[3], r.d_v = r.v.shape()[3];
  if (gated) r.decay = wide_heads(4, r.h_kv, "decay");
  if (delta)
    r.beta =
        wide_heads(5, n.in(5).shape().rank() && n.in(5).shape().back() == 1 ? 1 : r.h_kv, "beta");
  const Shape row{r.b, r.h_kv, r.t, 1};
  const bool fits = r.k.shape() == Shape{r.b, r.h_kv, r.t, r.d_k} &&
                    r.v.shape() == Shape{r.b, r.h_kv, r.t, r.d_v} &&
                    (!gated || r.decay.shape() == row || r.decay.shape() == r.k.shape()) &&
                    (!delta || broadcasts_to(r.beta.shape(), row));
  if (!fits || r.d_k < 1) {
    n.fail("query {}, key {} and value {} (or decay and beta) do not fit",
           to_string(n.in(0).shape()), to_string(n.in(1).shape()), to_string(n.in(2).shape()));
  }
  r.q = reshape(r.q, {r.b, r.h_kv, r.h / r.h_kv, r.t, r.d_k});
  r.scale = n.f("scale", 0);
  if (r.scale == 0) r.scale = 1 / std::sqrt(static_cast<double>(r.d_k));
  return r;
}

Outputs linear_attention(const NodeView& n) {
  const Recurrence r = recurrence_of(n);
  constexpr int64_t kMostSteps = 1 << 16;  // unrolled
  if (r.t > kMostSteps) n.fail("has {} steps, expected at most {}", r.t, kMostSteps);
  const Shape state_shape{r.b, r.h_kv, r.d_k, r.d_v};
  const DType dtype = n.in(0).dtype(), state_dtype = n.has(3) ? n.in(3).dtype() : dtype;
  if (n.has(3) && !(n.in(3).shape() == state_shape)) {
    n.fail("past_state is {}, expected {}", to_string(n.in(3).shape()), to_string(state_shape));
  }
  Tensor state = n.has(3) ? cast(n.in(3), DType::f32) : zeros(state_shape);
  std::vector<Tensor> outputs;
  for (int64_t i = 0; i < r.t; ++i) {
    const auto now = [i](const Tensor& x) { return narrow(x, 2, i, i + 1); };  // [b, h_kv, 1, d]
    const Tensor k = now(r.k);
    Tensor v = now(r.v);
    if (r.decay) state = state * transpose(exp(now(r.decay)));
    if (r.beta) v = now(r.beta) * (v - matmul(k, state));
    state = state + transpose(k) * v;
    outputs.push_back(matmul(take(r.q, 3, i), state));  // [b, h_kv, group, d_v]
  }
  Tensor y = zeros({r.b, 0, r.h * r.d_v});
  if (!outputs.empty()) y = reshape(stack(outputs, 1), {r.b, r.t, r.h * r.d_v}) * r.scale;
  return {cast(y, dtype), cast(state, state_dtype)};
}

// A depthwise convolution over what came before, whose last inputs are kept for the next call.
Outputs causal_conv(const NodeView& n) {
  const Tensor &x = n.in(0), &w = n.in(1), bias = n.optional(2);
  const std::string activation = n.s("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") {
    n.fail("activation is '{}', expected none, silu or swish", activation);
  }
  if (x.rank() != 3 || w.rank() != 3 || w.shape()[0] != x.shape()[1] || w.shape()[1] != 1 ||
      w.shape()[2] < 1) {
    n.fail("got {} and weights {}, expected [n, c, t] and [c, 1, k]", to_string(x.shape()),
           to_string(w.shape()));
  }
  const int64_t c = x.shape()[1], kept = w.shape()[2] - 1;
  const Shape state{x.shape()[0], c, kept};
  if (n.has(3) && !(n.in(3).shape() == state)) {
    n.fail("past_state is {}, expected {}", to_string(n.in(3).shape()), to_string(state));
  }
  const Tensor whole = concat({n.has(3) ? n.in(3) : zeros(state, x.dtype()), x}, 2);
  const Tensor y = x.shape().numel() == 0 ? x : conv(whole, w, bias, {.groups = c});
  const int64_t end = whole.shape()[2];
  return {activation == "none" ? y : silu(y), narrow(whole, 2, end - kept, end)};
}

Outputs swiglu(const NodeView& n) {
  const Tensor &a = n.in(0), &b = n.in(1);
  if (!(a.type() == b.type())) {
    n.fail("got {} and {}, expected the same", to_string(a.type()), to_string(b.type()));
  }
  const double alpha = n.f("alpha", 1);
  return {(alpha == 1 ? silu(a) : a * sigmoid(a * alpha)) * b};
}

constexpr OperatorRule kRules[] = {
    {"Attention", attention_rule},
    {"CausalConvWithState", causal_conv},
    {"LinearAttention", linear_attention},
    {"RotaryEmbedding", rotary_embedding_rule},
    {"SwiGLU", swiglu},
    {"ai.onnx.preview.FlexAttention", flex_attention},
};

}  // namespace

std::span<const OperatorRule> attention_rules() { return kRules; }

}  // namespace suan::onnx
