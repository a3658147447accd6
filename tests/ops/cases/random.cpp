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

}  // namespace suan
