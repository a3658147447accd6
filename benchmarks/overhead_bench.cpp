// What a program costs beside its arithmetic: the time of one step of a chain of tiny nodes,
// against the kernel alone called in a loop. The null backend shows calling, binding and zeroing
// 256 bytes.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "benchmarks/conditions.h"
#include "suan/base/file.h"
#include "suan/base/threads.h"
#include "suan/ops/matmul.h"
#include "suan/ops/softmax.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"

namespace {

using namespace suan;
using Clock = std::chrono::steady_clock;

constexpr int kLength = 200, kRuns = 200, kRounds = 15;

struct Result {
  std::string name;
  std::string_view backend;
  double step_ns, kernel_ns;
};

// Nanoseconds of one of `count` things that run() does, the best of several rounds.
double best_ns(int count, const std::function<void()>& run) {
  double best = 1e30;
  for (int round = 0; round < kRounds; ++round) {
    const auto begin = Clock::now();
    for (int i = 0; i < kRuns; ++i) run();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return 1e9 * best / kRuns / count;
}

// The kernel of a step of the program, called as often as the chain calls it, to and fro between
// two blocks.
double kernel_alone(const Program& program) {
  const PlannedStep& step = program.plan().steps.back();
  const Node& node = *step.node;
  std::vector<Operand> in, out;
  std::vector<BufferPtr> blocks;
  const auto block = [&](const Type& type) {
    blocks.push_back(Buffer::allocate(type.bytes()));
    std::fill_n(blocks.back()->as<float>(), type.shape.numel(), 0.25f);
    return Operand{blocks.back()->data(), type};
  };
  for (const Tensor& t : node.inputs) in.push_back(block(t.type()));
  out = {block(node.types[0])};
  std::vector<BufferPtr> packs;
  pack_inputs(*step.call, in, packs);
  const BufferPtr scratch = Buffer::allocate(std::max<size_t>(step.scratch_bytes, 64));
  RunErrors errors;
  return best_ns(kLength, [&] {
    for (int i = 0; i < kLength; ++i) {
      step.call->run({in, out, scratch->data(), errors});
      std::swap(in[0].data, out[0].data);
    }
  });
}

Result measure(const std::string& name, const char* backend, const Tensor& x,
               const std::function<Tensor(const Tensor&)>& node) {
  set_backend(backend);
  auto chain = compile([&](Tensor value) {
    for (int i = 0; i < kLength; ++i) value = node(value);
    return value;
  });
  const Program& program = *chain.program(x);
  chain(x);
  return {name, current_backend().name, best_ns(kLength, [&] { chain(x); }), kernel_alone(program)};
}

std::string to_json(const std::vector<Result>& results) {
  std::string out;
  for (const Result& r : results) {
    out += fmt::format(
        R"({}{{"overhead": "{}", "backend": "{}", "step_ns": {:.1f}, "kernel_ns": {:.1f}, {}}})",
        out.empty() ? "[" : ",\n ", r.name, r.backend, r.step_ns, r.kernel_ns, conditions_json());
  }
  return out + "]\n";
}

}  // namespace

// overhead_bench [--json FILE]
int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && (words.size() != 2 || words[0] != "--json")) {
    fmt::print(stderr, "usage: overhead_bench [--json FILE]\n");
    return 2;
  }
  const Tensor w = Tensor::from(Array::of<float>(std::vector<float>(16, 0.25f), {4, 4}));
  const Tensor row = Tensor::from(Array::of<float>(std::vector<float>(64, 0.25f), {1, 64}));
  std::vector<Result> results;
  for (const char* backend : {"null", "cpu"}) {
    results.push_back(
        measure("matmul 4x4", backend, w, [&](const Tensor& x) { return matmul(x, w); }));
    results.push_back(
        measure("softmax 1x64", backend, row, [](const Tensor& x) { return softmax(x, -1); }));
  }
  for (const Result& r : results) {
    fmt::print("{:<14} {:<8} {:>8.1f} ns a step  {:>8.1f} ns the kernel  {:>8.1f} ns beside it\n",
               r.name, r.backend, r.step_ns, r.kernel_ns, r.step_ns - r.kernel_ns);
  }
  if (words.size() == 2) write_file_atomically(words[1], to_json(results));
  return 0;
}
