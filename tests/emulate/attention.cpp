// Attention of the emulated GPU as plain loops over numbers in f64.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "tests/emulate/emulated_gpu.h"
#include "tests/emulate/numbers.h"

namespace emulate {
namespace {

using Numbers = std::vector<double>;
using suan::cuda::AttentionData;

struct PlainAttention final : suan::cuda::Attention {
  PlainAttention(const suan::cuda::AttentionSpec& spec,
                 std::function<void(std::function<void()>)> to)
      : s(spec), send(std::move(to)) {}
  void run(const AttentionData& data, void* /*scratch*/) const override {
    send([=, this] { s.gradient ? gradient(data) : forward(data); });
  }

  // Position of the first number of a row.
  int64_t at(int64_t heads, int64_t rows, int64_t b, int64_t head, int64_t row) const {
    if (s.heads_inside) return ((b * rows + row) * heads + head) * s.d;
    return ((b * heads + head) * rows + row) * s.d;
  }
  int64_t query(int64_t b, int64_t head, int64_t i) const { return at(s.h, s.t, b, head, i); }
  int64_t key(int64_t b, int64_t head, int64_t j) const {
    return at(s.h_kv, s.s, b, head * s.h_kv / s.h, j);
  }
  double dot(const void* a, int64_t from_a, const void* b, int64_t from_b) const {
    double sum = 0;
    for (int64_t i = 0; i < s.d; ++i)
      sum += get(s.dtype, a, from_a + i) * get(s.dtype, b, from_b + i);
    return sum;
  }
  int64_t seen(int64_t i) const { return s.causal ? i + s.s - s.t + 1 : s.s; }
  template <class F>
  void each_query(F&& f) const {
    for (int64_t row = 0; row < s.b * s.h * s.t; ++row) {
      f(row / s.t / s.h, row / s.t % s.h, row % s.t, row);
    }
  }

  void forward(const AttentionData& x) const {
    each_query([&](int64_t b, int64_t head, int64_t i, int64_t row) {
      const int64_t at = query(b, head, i);
      Numbers weights, sums(static_cast<size_t>(s.d));
      for (int64_t j = 0; j < seen(i); ++j) {
        weights.push_back(s.scale * dot(x.q, at, x.k, key(b, head, j)));
      }
      const double top = *std::max_element(weights.begin(), weights.end());
      double total = 0;
      for (double& w : weights) total += w = std::exp(w - top);
      for (size_t j = 0; j < weights.size(); ++j) {
        const int64_t from = key(b, head, static_cast<int64_t>(j));
        for (size_t c = 0; c < sums.size(); ++c) {
          sums[c] += weights[j] / total * get(s.dtype, x.v, from + static_cast<int64_t>(c));
        }
      }
      for (int64_t c = 0; c < s.d; ++c) put(s.dtype, x.y, at + c, sums[static_cast<size_t>(c)]);
      put(suan::DType::f32, x.logsumexp, row, top + std::log(total));
    });
  }

  void gradient(const AttentionData& x) const {
    Numbers gq(static_cast<size_t>(s.b * s.h * s.t * s.d));
    Numbers gk(static_cast<size_t>(s.b * s.h_kv * s.s * s.d)), gv(gk.size());
    const auto add = [&](Numbers& to, int64_t at, double factor, const void* from,
                         int64_t from_at) {
      for (int64_t c = 0; c < s.d; ++c) {
        to[static_cast<size_t>(at + c)] += factor * get(s.dtype, from, from_at + c);
      }
    };
    each_query([&](int64_t b, int64_t head, int64_t i, int64_t row) {
      const int64_t at = query(b, head, i);
      const double delta = dot(x.g, at, x.y, at);
      const double logsumexp = get(suan::DType::f32, x.logsumexp, row);
      for (int64_t j = 0; j < seen(i); ++j) {
        const int64_t from = key(b, head, j);
        const double p = std::exp(s.scale * dot(x.q, at, x.k, from) - logsumexp);
        const double e = s.scale * p * (dot(x.g, at, x.v, from) - delta);
        add(gv, from, p, x.g, at);
        add(gk, from, e, x.q, at);
        add(gq, at, e, x.k, from);
      }
    });
    const auto give = [&](const Numbers& from, void* to) {
      for (size_t i = 0; i < from.size(); ++i) put(s.dtype, to, static_cast<int64_t>(i), from[i]);
    };
    give(gq, x.gq);
    give(gk, x.gk);
    give(gv, x.gv);
  }
  const suan::cuda::AttentionSpec s;
  const std::function<void(std::function<void()>)> send;
};

}  // namespace

std::unique_ptr<suan::cuda::Attention> EmulatedGpu::attention(
    const suan::cuda::AttentionSpec& spec) {
  if (refuses_attention_) {
    suan::fail(suan::ErrorCode::kUnsupported, "emulator", "no such attention");
  }
  return std::make_unique<PlainAttention>(spec, [this, spec](std::function<void()> work) {
    launched.emplace_back(spec.gradient ? "attention gradient" : "attention");
    if (!collecting_) send(std::move(work));
  });
}

}  // namespace emulate
