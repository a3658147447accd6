// The factor of the inverse Hessian, and the walk along k.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/gptq.h"

#include <algorithm>
#include <cmath>

#include "suan/base/threads.h"
#include "suan/ops/matmul.h"
#include "suan/ops/shape_ops.h"

namespace suan::compress {
namespace {

using Matrix = std::vector<double>;  // n x n, by rows

// The Hessian with a raised diagonal, rows and columns in reverse order.
Matrix reversed(const Array& hessian, size_t n) {
  constexpr double kDamping = 0.01;
  const float* h = hessian.as<float>();
  double mean = 0;
  for (size_t i = 0; i < n; ++i) mean += h[i * n + i] / static_cast<double>(n);
  Matrix m(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) m[(n - 1 - i) * n + (n - 1 - j)] = h[i * n + j];
  }
  const double raise = mean > 0 ? kDamping * mean : 1;
  for (size_t i = 0; i < n; ++i) m[i * n + i] += raise;
  return m;
}

// m = l l^T in place of the lower half.
void cholesky(Matrix& m, size_t n) {
  constexpr size_t kWork = size_t{1} << 18;  // worth a thread
  for (size_t j = 0; j < n; ++j) {
    double* row = &m[j * n];
    for (size_t k = 0; k < j; ++k) row[j] -= row[k] * row[k];
    row[j] = std::sqrt(row[j]);
    const auto grain = static_cast<int64_t>(kWork / (j + 1) + 1);
    parallel_for(static_cast<int64_t>(n - j - 1), grain, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        double* other = &m[(j + 1 + static_cast<size_t>(r)) * n];
        double sum = other[j];
        for (size_t k = 0; k < j; ++k) sum -= other[k] * row[k];
        other[j] = sum / row[j];
      }
    });
  }
}

// The inverse of the lower triangle, with rows and columns in reverse order again: upper.
Matrix inverse(const Matrix& l, size_t n) {
  Matrix u(n * n, 0.0);
  parallel_for(static_cast<int64_t>(n), 16, [&](int64_t begin, int64_t end) {
    std::vector<double> x(n);
    for (auto c = static_cast<size_t>(begin); c < static_cast<size_t>(end); ++c) {
      for (size_t i = c; i < n; ++i) {
        double sum = i == c ? 1 : 0;
        for (size_t k = c; k < i; ++k) sum -= l[i * n + k] * x[k];
        x[i] = sum / l[i * n + i];
        u[(n - 1 - i) * n + (n - 1 - c)] = x[i];
      }
    }
  });
  return u;
}

}  // namespace

std::vector<Array> hessians(const Graph& graph, const std::vector<GraphLayer>& layers,
                            std::span<const Batch> batches) {
  std::vector<Tensor> products;
  std::vector<Array> sums;
  for (const GraphLayer& layer : layers) {
    const Tensor& x = layer.node->inputs[0];
    const int64_t k = x.shape().back();
    const Tensor rows = x.rank() == 2 ? x : reshape(x, {x.shape().numel() / k, k});
    products.push_back(matmul(rows, rows, true, false));
    sums.emplace_back(DType::f32, Shape{k, k});
    std::ranges::fill(sums.back().span<float>(), 0.0f);
  }
  for_each_batch(graph, products, batches, [&](const std::vector<Array>& arrays) {
    for (size_t i = 0; i < sums.size(); ++i) {
      const auto from = arrays[i].span<float>();
      const auto to = sums[i].span<float>();
      for (size_t j = 0; j < to.size(); ++j) to[j] += from[j];
    }
  });
  return sums;
}

QuantizedWeights gptq(const Array& w, const WeightView& view, const Array& hessian,
                      const WeightOptions& options) {
  const auto n = static_cast<size_t>(view.inner);
  Matrix lower = reversed(hessian, n);
  cholesky(lower, n);
  const Matrix u = inverse(lower, n);  // H^-1 = u^T u
  QuantizedWeights out = make_quantized(view, options);
  const size_t length = options.block == 0 ? n : static_cast<size_t>(options.block);
  parallel_for(view.channels, 1, [&](int64_t first, int64_t last) {
    std::vector<float> row(n);
    for (int64_t c = first; c < last; ++c) {
      for (size_t k = 0; k < n; ++k) row[k] = w.as<float>()[view.at(c, static_cast<int64_t>(k))];
      BlockParams params;
      for (size_t k = 0; k < n; ++k) {
        if (k % length == 0) {
          params = block_params(std::span(row).subspan(k, std::min(length, n - k)), options);
          set_params(out, view, c, static_cast<int64_t>(k / length), params);
        }
        const float q = to_integer(row[k], params, options.dtype);
        set_integer(out.q, view.at(c, static_cast<int64_t>(k)), q);
        const double error = (row[k] - (q - params.zero) * params.scale) / u[k * n + k];
        for (size_t j = k + 1; j < n; ++j) {
          row[j] = static_cast<float>(row[j] - error * u[k * n + j]);
        }
      }
    }
  });
  return out;
}

}  // namespace suan::compress
