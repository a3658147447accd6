// Attention and its gradient by their definitions, in f64, one query at a time.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/attention.h"

#include <fmt/core.h>

#include <cmath>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"

namespace suan::reference {
namespace {

class Problem {
 public:
  Problem(const Node& node, const KernelArgs& args, size_t mask)
      : args_(args),
        a_(node.attr<AttentionAttrs>()),
        z(attention_sizes(args.in[0].type.shape, args.in[1].type.shape, args.in[2].type.shape, a_)),
        scale(attention_scale(a_, z.d)) {
    if (mask < args.in.size() && args.in[mask].data) mask_ = &args.in[mask];
    if (mask + 1 < args.in.size() && args.in[mask + 1].data) lengths_ = &args.in[mask + 1];
  }

  // False after reporting a length outside [0, s].
  bool lengths_fit(std::string_view op) const {
    for (int64_t b = 0; lengths_ && b < z.b; ++b) {
      const auto length = load<int64_t>(*lengths_, b);
      if (length >= 0 && length <= z.s) continue;
      args_.errors.report(
          op, fmt::format("length {} at position {} is outside [0, {}]", length, b, z.s));
      return false;
    }
    return true;
  }
  // Where row `row` of head `head` starts in a tensor [b, heads, rows, width] (or heads inside).
  int64_t at(int64_t b, int64_t head, int64_t row, int64_t heads, int64_t rows,
             int64_t width) const {
    const int64_t line =
        a_.heads_inside ? (b * rows + row) * heads + head : (b * heads + head) * rows + row;
    return line * width;
  }
  int64_t key_head(int64_t h) const { return h / (z.h / z.h_kv); }
  int64_t q_at(int64_t b, int64_t h, int64_t i) const { return at(b, h, i, z.h, z.t, z.d); }
  int64_t y_at(int64_t b, int64_t h, int64_t i) const { return at(b, h, i, z.h, z.t, z.d_v); }
  int64_t k_at(int64_t b, int64_t h, int64_t j) const {
    return at(b, key_head(h), j, z.h_kv, z.s, z.d);
  }
  int64_t v_at(int64_t b, int64_t h, int64_t j) const {
    return at(b, key_head(h), j, z.h_kv, z.s, z.d_v);
  }
  int64_t mask_at(int64_t b, int64_t h, int64_t i, int64_t j) const {
    return broadcast_offset({b, h, i, j}, mask_->type.shape, mask_->type.shape.strides());
  }

  double dot(size_t x, int64_t i, size_t y, int64_t j, int64_t n) const {
    double total = 0;
    for (int64_t c = 0; c < n; ++c) {
      total += load<double>(args_.in[x], i + c) * load<double>(args_.in[y], j + c);
    }
    return total;
  }
  double score(int64_t b, int64_t h, int64_t i, int64_t j) const {
    const int64_t length = lengths_ ? load<int64_t>(*lengths_, b) : z.s;
    if (j >= length || (a_.causal && j > i + length - z.t)) return -INFINITY;
    double x = scale * dot(0, q_at(b, h, i), 1, k_at(b, h, j), z.d);
    if (!mask_) return x;
    const auto m = load<double>(*mask_, mask_at(b, h, i, j));
    if (mask_->type.dtype == DType::boolean) return m != 0 ? x : -INFINITY;
    return x + m;
  }

  template <class F>
  void for_each_query(F&& f) const {
    for_each({z.b, z.h, z.t}, [&](const Shape& at, int64_t row) { f(at[0], at[1], at[2], row); });
  }

 private:
  const KernelArgs& args_;
  AttentionAttrs a_;
  const Operand* mask_ = nullptr;
  const Operand* lengths_ = nullptr;

 public:
  AttentionSizes z;
  double scale;
};

}  // namespace

void attention(const Node& node, const KernelArgs& args) {
  const Problem p(node, args, kAttentionMask);
  const AttentionSizes& z = p.z;
  if (!p.lengths_fit("attention")) return;
  p.for_each_query([&](int64_t b, int64_t h, int64_t i, int64_t row) {
    std::vector<double> score(static_cast<size_t>(z.s)), y(static_cast<size_t>(z.d_v), 0.0);
    double top = -INFINITY, total = 0;
    for (int64_t j = 0; j < z.s; ++j) {
      const double x = score[static_cast<size_t>(j)] = p.score(b, h, i, j);
      if (x > top || x != x) top = x;
    }
    for (int64_t j = 0; j < z.s && top != -INFINITY; ++j) {
      const double weight = std::exp(score[static_cast<size_t>(j)] - top);
      total += weight;
      for (int64_t c = 0; c < z.d_v; ++c) {
        y[static_cast<size_t>(c)] += weight * load<double>(args.in[2], p.v_at(b, h, j) + c);
      }
    }
    for (int64_t c = 0; c < z.d_v && args.out[0].data; ++c) {
      store(args.out[0], p.y_at(b, h, i) + c, total == 0 ? 0.0 : y[static_cast<size_t>(c)] / total);
    }
    if (args.out[1].data) store(args.out[1], row, total == 0 ? -INFINITY : top + std::log(total));
  });
}

void attention_gradient(const Node& node, const KernelArgs& args) {
  const Problem p(node, args, kAttentionGradientMask);
  const AttentionSizes& z = p.z;
  if (!p.lengths_fit("attention_gradient")) return;
  const auto values = [&](size_t i) { return i < args.in.size() && args.in[i].data; };
  std::vector<std::vector<double>> out;
  for (const Operand& o : args.out) out.emplace_back(static_cast<size_t>(o.numel()), 0.0);
  const auto add = [&](size_t o, int64_t to, double factor, size_t x, int64_t from, int64_t n) {
    for (int64_t c = 0; c < n; ++c) {
      out[o][static_cast<size_t>(to + c)] += factor * load<double>(args.in[x], from + c);
    }
  };
  p.for_each_query([&](int64_t b, int64_t h, int64_t i, int64_t row) {
    const auto total = load<double>(args.in[4], row);
    if (total == -INFINITY) return;
    const int64_t y = p.y_at(b, h, i), q = p.q_at(b, h, i);
    const double delta =
        p.dot(5, y, 3, y, z.d_v) - (values(6) ? load<double>(args.in[6], row) : 0.0);
    for (int64_t j = 0; j < z.s; ++j) {
      const double weight = std::exp(p.score(b, h, i, j) - total);
      if (weight == 0) continue;
      const int64_t k = p.k_at(b, h, j), v = p.v_at(b, h, j);
      const double gs = weight * (p.dot(5, y, 2, v, z.d_v) - delta);
      add(0, q, gs * p.scale, 1, k, z.d);
      add(1, k, gs * p.scale, 0, q, z.d);
      add(2, v, weight, 5, y, z.d_v);
      if (out.size() > 3) out[3][static_cast<size_t>(p.mask_at(b, h, i, j))] += gs;
    }
  });
  for (size_t o = 0; o < out.size(); ++o) {
    for (int64_t i = 0; i < args.out[o].numel() && args.out[o].data; ++i) {
      store(args.out[o], i, out[o][static_cast<size_t>(i)]);
    }
  }
}

}  // namespace suan::reference
