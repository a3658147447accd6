// What a program costs beside its arithmetic: the time of one step of a chain of tiny products on
// the null backend (calling, binding, zeroing 64 bytes) and on the cpu backend.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "suan/ops/matmul.h"
#include "suan/program/explain.h"
#include "suan/tensor/compile.h"

namespace {

using namespace suan;
using Clock = std::chrono::steady_clock;

constexpr int kLength = 200, kRuns = 200, kRounds = 9;

void measure(const char* backend) {
  set_backend(backend);
  const Tensor w = Tensor::from(Array::of<float>(std::vector<float>(16, 0.25f), {4, 4}));
  auto chain = compile([&](Tensor x) {
    for (int i = 0; i < kLength; ++i) x = matmul(x, w);
    return x;
  });
  const auto start = Clock::now();
  const ProgramSize size = measure_size(*chain.program(w));
  const double compiling = std::chrono::duration<double>(Clock::now() - start).count();
  chain(w);
  double best = 1e30;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = Clock::now();
    for (int i = 0; i < kRuns; ++i) chain(w);
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count() / kRuns);
  }
  fmt::print("{:<8} {:>5} steps  {:>8.1f} us to compile  {:>8.2f} us a run  {:>7.1f} ns a step\n",
             backend, size.steps, 1e6 * compiling, 1e6 * best,
             1e9 * best / static_cast<double>(size.steps));
}

}  // namespace

int main() {
  for (const char* backend : {"null", "cpu"}) measure(backend);
  return 0;
}
