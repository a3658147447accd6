// The stream counter, and distributions.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/init.h"

#include <cmath>
#include <mutex>
#include <vector>

#include "suan/base/error.h"

namespace suan::nn {
namespace {

struct Streams {
  std::mutex mutex;
  uint64_t seed = 0;
  uint64_t next = 0;
};
Streams& streams() {
  static Streams instance;
  return instance;
}
std::pair<uint64_t, uint64_t> take_stream() {
  const std::lock_guard lock(streams().mutex);
  return {streams().seed, streams().next++};
}

template <class F>
void fill(const StatePtr& state, F value) {
  Array array(state->type().dtype, state->type().shape);
  visit(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& v : array.span<T>()) v = static_cast<T>(static_cast<float>(value()));
  });
  state->load(array);
}

// Makes the rows of a [rows, columns] matrix orthonormal; rows <= columns.
void orthonormalise(std::vector<double>& a, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; ++i) {
    double* row = &a[i * columns];
    for (int pass = 0; pass < 2; ++pass) {  // the second pass removes the first one's rounding
      for (size_t j = 0; j < i; ++j) {
        const double* other = &a[j * columns];
        double dot = 0;
        for (size_t k = 0; k < columns; ++k) dot += row[k] * other[k];
        for (size_t k = 0; k < columns; ++k) row[k] -= dot * other[k];
      }
    }
    double norm = 0;
    for (size_t k = 0; k < columns; ++k) norm += row[k] * row[k];
    for (size_t k = 0; k < columns; ++k) row[k] /= std::sqrt(norm);
  }
}

}  // namespace

void seed(uint64_t seed) {
  const std::lock_guard lock(streams().mutex);
  streams().seed = seed;
  streams().next = 0;
}

Random next_random() {
  const auto [seed, stream] = take_stream();
  return Random(seed, stream);
}

StatePtr random_key(std::string name) {
  // Dropout and its like count up from here, one stream per call; the shift keeps 2^32 for each.
  const auto [seed, stream] = take_stream();
  const std::vector<int64_t> key{static_cast<int64_t>(seed),
                                 static_cast<int64_t>((stream + 1) << 32)};
  return State::create(std::move(name), Array::of<int64_t>(key, {2}));
}

namespace init {

int64_t fan(const Shape& weight, Fan which) {
  if (weight.rank() < 2) {
    fail("init", "a weight of shape {} has no fan, expected at least two axes", to_string(weight));
  }
  const int64_t field = weight.numel() / std::max<int64_t>(1, weight[0] * weight[1]);
  return weight[which == Fan::in ? 1 : 0] * field;
}

void constant(const StatePtr& state, double value) {
  fill(state, [&] { return value; });
}

void uniform(const StatePtr& state, double low, double high) {
  Random random = next_random();
  fill(state, [&] { return random.uniform(static_cast<float>(low), static_cast<float>(high)); });
}

void normal(const StatePtr& state, double mean, double std) {
  Random random = next_random();
  bool spare = false;
  std::pair<float, float> pair;
  fill(state, [&] {  // both values of each pair: twice as fast as Random::normal
    spare = !spare;
    if (!spare) return mean + std * pair.second;
    const uint32_t a = random.word();
    pair = to_normals(a, random.word());
    return mean + std * pair.first;
  });
}

void trunc_normal(const StatePtr& state, double mean, double std, double low, double high) {
  if (std <= 0 || low > mean + 4 * std || high < mean - 4 * std || low >= high) {
    fail("init", "[{}, {}] holds next to nothing of N({}, {}^2)", low, high, mean, std);
  }
  Random random = next_random();
  fill(state, [&] {
    for (;;) {
      const double value = mean + std * random.normal();
      if (value >= low && value <= high) return value;
    }
  });
}

void xavier_uniform(const StatePtr& state, double gain) {
  const Shape& shape = state->type().shape;
  const auto total = static_cast<double>(fan(shape, Fan::in) + fan(shape, Fan::out));
  const double bound = gain * std::sqrt(6.0 / total);
  uniform(state, -bound, bound);
}

void xavier_normal(const StatePtr& state, double gain) {
  const Shape& shape = state->type().shape;
  const auto total = static_cast<double>(fan(shape, Fan::in) + fan(shape, Fan::out));
  normal(state, 0, gain * std::sqrt(2.0 / total));
}

void kaiming_uniform(const StatePtr& state, double gain, Fan mode) {
  const double bound = gain * std::sqrt(3.0 / static_cast<double>(fan(state->type().shape, mode)));
  uniform(state, -bound, bound);
}

void kaiming_normal(const StatePtr& state, double gain, Fan mode) {
  normal(state, 0, gain / std::sqrt(static_cast<double>(fan(state->type().shape, mode))));
}

void orthogonal(const StatePtr& state, double gain) {
  const Shape& shape = state->type().shape;
  fan(shape, Fan::in);  // for its check
  const auto rows = static_cast<size_t>(shape[0]);
  const size_t columns = static_cast<size_t>(shape.numel()) / rows;
  const bool wide = rows <= columns;
  std::vector<double> matrix(rows * columns);
  Random random = next_random();
  for (double& v : matrix) v = random.normal();
  orthonormalise(matrix, wide ? rows : columns, wide ? columns : rows);
  size_t i = 0;
  fill(state, [&] {
    const size_t at = wide ? i : (i % columns) * rows + i / columns;
    ++i;
    return gain * matrix[at];
  });
}

void linear_default(const StatePtr& weight, const StatePtr& bias) {
  const double bound = 1 / std::sqrt(static_cast<double>(fan(weight->type().shape, Fan::in)));
  uniform(weight, -bound, bound);
  if (bias) uniform(bias, -bound, bound);
}

}  // namespace init
}  // namespace suan::nn
