// Cases of the random ops: the numbers are those of base/random.h.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/random.h"

#include "suan/base/random.h"
#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

In key(uint64_t seed, uint64_t stream) {
  return given({2}, {static_cast<double>(seed), static_cast<double>(stream)}, DType::i64);
}
std::vector<double> uniforms(uint64_t seed, uint64_t stream, int count) {
  Random random(seed, stream);
  std::vector<double> out;
  for (int i = 0; i < count; ++i) out.push_back(random.uniform());
  return out;
}

std::vector<double> normals(uint64_t seed, uint64_t stream, int count) {
  Random random(seed, stream);
  std::vector<double> out;
  while (static_cast<int>(out.size()) < count) {
    const uint32_t first = random.word();
    const auto [a, b] = to_normals(first, random.word());
    out.push_back(a);
    out.push_back(b);
  }
  out.resize(static_cast<size_t>(count));
  return out;
}

}  // namespace

const OpCases& cases_random_uniform() {
  const auto of = [](Shape shape) -> Build {
    return [=](const Tensors& x) { return random_uniform(x[0], shape); };
  };
  static const OpCases cases{
      .cases = {{"stream 0", {key(5, 0)}, of({11}), {.expected = uniforms(5, 0, 11)}},
                {"stream 3",
                 {key(1ull << 40, 3)},
                 of({2, 3, 4}),
                 {.expected = uniforms(1ull << 40, 3, 24)}}},
      .bad = {{[] { random_uniform(zeros({2}), {3}); },
               "random_uniform: key is f32[2], expected i64[2]"}},
  };
  return cases;
}

const OpCases& cases_random_normal() {
  const auto of = [](Shape shape) -> Build {
    return [=](const Tensors& x) { return random_normal(x[0], shape); };
  };
  static const OpCases cases{
      .cases = {{"odd count", {key(5, 0)}, of({7}), {.expected = normals(5, 0, 7)}},
                {"scalar", {key(6, 2)}, of({}), {.expected = normals(6, 2, 1)}},
                {"none", {key(6, 2)}, of({0, 2})},
                {"stream 9", {key(7, 9)}, of({2, 5, 4}), {.expected = normals(7, 9, 40)}}},
      .bad = {{[] { random_normal(zeros({1}, DType::i64), {3}); },
               "random_normal: key is i64[1], expected i64[2]"}},
  };
  return cases;
}

const OpCases& cases_dropout() {
  const auto call = [](double p) -> Build {
    return [=](const Tensors& x) { return dropout(x[0], x[1], p); };
  };
  static const OpCases cases = [&] {
    std::vector<double> kept = uniforms(3, 1, 6);
    for (double& v : kept) v = v >= 0.5 ? 4 : 0;
    return OpCases{
        .cases =
            {{"none", {real({3, 4}), key(3, 1)}, call(0)},
             {"a quarter", {real({3, 4}), key(3, 1)}, call(0.25)},
             {"known", {given({6}, {2, 2, 2, 2, 2, 2}), key(3, 1)}, call(0.5), {.expected = kept}}},
        .bad = {{[] { dropout(zeros({2}), zeros({2}, DType::i64), 1); },
                 "dropout: got probability 1, expected 0 <= p < 1"}},
    };
  }();
  return cases;
}

}  // namespace suan
