// Kernels one by one against the machine: GB/s as a share of a copy loop, GFLOP/s as a share of an
// FMA loop, each measured in turn with the kernel. `ops_bench [name part] [rounds]`.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "suan/base/random.h"
#include "suan/base/threads.h"
#include "suan/graph/pending.h"
#include "suan/ops/attention.h"
#include "suan/ops/concat.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/csr_matmul.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"
#include "suan/ops/random.h"
#include "suan/ops/resize.h"
#include "suan/ops/rotary.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"
#include "suan/program/program.h"

namespace suan {

extern const OpDef layer_norm_gradient_op, attention_gradient_op;

namespace {

using Build = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
struct Case {
  const char* name;
  std::vector<Type> inputs;
  Build build;
  double bytes = 0, flops = 0;  // of one run; bytes 0: those of all inputs and outputs
};

double seconds(const std::function<void()>& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Integers are drawn from [0, 64), floats from [-1, 1).
Array fill_input(const Type& type) {
  Array array(type.dtype, type.shape);
  Random random(7);
  visit(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < array.numel(); ++i) {
      if constexpr (std::is_integral_v<T>) {
        array.as<T>()[i] = static_cast<T>(random.randint(0, 64));
      } else {
        array.as<T>()[i] = static_cast<T>(random.uniform(-1, 1));
      }
    }
  });
  return array;
}

// Bytes/s of a copy that reads and writes `bytes` in all, at this moment.
double copy_rate(std::vector<char>& a, std::vector<char>& b, size_t bytes) {
  const size_t half = std::max<size_t>(64, bytes / 2);
  if (a.size() < half) {
    a.assign(half, 1);
    b.assign(half, 2);
  }
  const double t = seconds([&] {
    parallel_for(static_cast<int64_t>(half), 1 << 15, [&](int64_t begin, int64_t end) {
      std::memcpy(b.data() + begin, a.data() + begin, static_cast<size_t>(end - begin));
    });
  });
  return 2.0 * static_cast<double>(half) / t;
}
// FLOP/s of chains of multiply-adds in registers, over a time short enough to be undisturbed on a
// busy machine. One clone for each width of vectors.
__attribute__((target_clones("avx512f", "arch=haswell", "default"), optimize("O3"))) void fma_loop(
    float* x, int64_t n) {
  using Vec = float __attribute__((vector_size(64)));
  Vec acc[12];
  const Vec a = Vec{} + x[0], b = Vec{} + x[1];
  for (Vec& v : acc) v = a;
  for (int64_t i = 0; i < n; ++i) {
    for (Vec& v : acc) v = v * a + b;
  }
  for (Vec& v : acc) x[2] += v[0];
}
double fma_rate() {
  constexpr int64_t kLoops = 20000;
  double best = 0;
  for (int i = 0; i < 4; ++i) {
    const double t = seconds([&] {
      parallel_for(num_threads(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t k = begin; k < end; ++k) {
          float x[3] = {0.999f, 1e-3f, 0};
          fma_loop(x, kLoops);
          volatile float keep = x[2];
          (void)keep;
        }
      });
    });
    best = std::max(best, 12.0 * 16 * 2 * kLoops * num_threads() / t);
  }
  return best;
}

double middle(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

void measure(const Case& c, int rounds) {
  Graph graph;
  {
    const PauseTracking pause;
    for (const Type& type : c.inputs) graph.inputs.push_back(make_input(type, "x"));
    graph.outputs = c.build(graph.inputs);
  }
  std::vector<Array> arrays;
  std::vector<BufferPtr> blocks;
  double bytes = c.bytes;
  for (const Type& type : c.inputs) {
    arrays.push_back(fill_input(type));
    blocks.push_back(arrays.back().buffer);
    if (c.bytes == 0) bytes += static_cast<double>(type.bytes());
  }
  if (c.bytes == 0) {
    for (const Tensor& t : graph.outputs) bytes += static_cast<double>(t.type().bytes());
  }
  RunContext context(Program::build(graph, cpu_backend()));
  context.run(blocks);
  const double once = seconds([&] { context.run(blocks); });
  const int repeats = std::clamp(static_cast<int>(2e-3 / once), 1, 10000);
  std::vector<double> times, machine;
  std::vector<char> a, b;
  for (int r = 0; r < rounds; ++r) {
    times.push_back(seconds([&] {
                      for (int i = 0; i < repeats; ++i) context.run(blocks);
                    }) /
                    repeats);
    double best = 0;
    for (int i = 0; i < (c.flops > 0 ? 1 : 3); ++i) {
      best = std::max(best, c.flops > 0 ? fma_rate() : copy_rate(a, b, static_cast<size_t>(bytes)));
    }
    machine.push_back(best);
  }
  const double work = c.flops > 0 ? c.flops : bytes;
  const double least = *std::min_element(times.begin(), times.end());
  const double top = *std::max_element(machine.begin(), machine.end());
  fmt::print("{:34} min {:9.2f} us  median {:9.2f} us  {:7.2f} {}  {:5.1f} % of {:7.2f}\n", c.name,
             least * 1e6, middle(times) * 1e6, work / least / 1e9, c.flops > 0 ? "GFLOP/s" : "GB/s",
             100 * work / least / top, top / 1e9);
}

std::vector<Tensor> outputs_of(const Tensor& t, size_t count) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < count; ++i) out.emplace_back(t.node_ptr(), static_cast<int>(i));
  return out;
}

// Attention of queries, keys and values [b, t, h, d]; FLOPs are those that causal masking leaves.
Case attention_case(const char* name, DType dtype, Shape shape, bool causal, bool gradient) {
  const AttentionAttrs attrs{.causal = causal, .heads_inside = true};
  const Type x(dtype, shape), rows(DType::f32, {shape[0], shape[2], shape[1]});
  const auto t = static_cast<double>(shape[1]);
  const double pairs =
      (causal ? t * (t + 1) / 2 : t * t) * static_cast<double>(shape[0] * shape[2]);
  Case c{.name = name, .flops = pairs * (gradient ? 10.0 : 4.0) * static_cast<double>(shape[3])};
  if (gradient) {
    c.inputs = {x, x, x, x, rows, x};
    c.build = [=](const auto& in) {
      return outputs_of({make_node(attention_gradient_op, in, attrs), 0}, 3);
    };
  } else {
    c.inputs = {x, x, x};
    c.build = [=](const auto& in) { return std::vector{attention(in[0], in[1], in[2], attrs)}; };
  }
  return c;
}

// A sparse matrix of n rows with `each` elements times [n, width]: by csr_matmul, or by a gather of
// rows, a product and a scatter. Bytes are those of one row read for each element.
Case sparse_case(const char* name, int64_t n, int64_t each, int64_t width, bool csr) {
  Array offsets(DType::i64, {n + 1}), rows(DType::i64, {n * each}), columns(DType::i64, {n * each});
  Random random(3);
  for (int64_t i = 0; i <= n; ++i) offsets.as<int64_t>()[i] = i * each;
  for (int64_t e = 0; e < n * each; ++e) {
    rows.as<int64_t>()[e] = e / each;
    columns.as<int64_t>()[e] = random.randint(0, n);
  }
  const Build build = [=](const auto& x) -> std::vector<Tensor> {
    const Tensor at = Tensor::from(columns);
    if (csr) return {csr_matmul(Tensor::from(offsets), at, x[1], x[0])};
    const Tensor messages = gather(x[0], at) * reshape(x[1], {n * each, 1});
    return {scatter(zeros({n, width}), Tensor::from(rows), messages)};
  };
  return {name,
          {Type(DType::f32, {n, width}), Type(DType::f32, {n * each})},
          build,
          4.0 * static_cast<double>(n * each * width)};
}

std::vector<Case> cases() {  // NOLINT(readability-function-size): a table
  const auto f32 = [](Shape s) { return Type(DType::f32, s); };
  const auto bf16 = [](Shape s) { return Type(DType::bf16, s); };
  const auto i64 = [](Shape s) { return Type(DType::i64, s); };
  const auto turn = [](std::vector<int64_t> axes) -> Build {
    return [=](const auto& x) { return std::vector{transpose(x[0], axes)}; };
  };
  const auto norm = [](const auto& x) { return outputs_of(layer_norm(x[0], x[1], x[2]), 3); };
  const auto norm_gradient = [](const auto& x) {
    const LayerNormAttrs attrs;
    return outputs_of({make_node(layer_norm_gradient_op, x, attrs), 0}, 3);
  };
  const Shape mini{12, 64, 4, 32}, small{4, 256, 6, 64}, large{1, 2048, 2, 64};
  return {
      attention_case("attention f32 mini", DType::f32, mini, true, false),
      attention_case("attention f32 small", DType::f32, small, true, false),
      attention_case("attention f32 small, all keys", DType::f32, small, false, false),
      attention_case("attention f32 long", DType::f32, large, true, false),
      attention_case("attention bf16 mini", DType::bf16, mini, true, false),
      attention_case("attention bf16 small", DType::bf16, small, true, false),
      attention_case("attention_gradient f32 mini", DType::f32, mini, true, true),
      attention_case("attention_gradient f32 small", DType::f32, small, true, true),
      attention_case("attention_gradient f32 long", DType::f32, large, true, true),
      attention_case("attention_gradient bf16 mini", DType::bf16, mini, true, true),
      attention_case("attention_gradient bf16 small", DType::bf16, small, true, true),
      {"layer_norm f32 768x128", {f32({768, 128}), f32({128}), f32({128})}, norm},
      {"layer_norm f32 1024x384", {f32({1024, 384}), f32({384}), f32({384})}, norm},
      {"layer_norm bf16 1024x384", {bf16({1024, 384}), f32({384}), f32({384})}, norm},
      {"layer_norm_gradient f32 768x128",
       {f32({768, 128}), f32({768, 128}), f32({768}), f32({768}), f32({128})},
       norm_gradient},
      {"layer_norm_gradient f32 1024x384",
       {f32({1024, 384}), f32({1024, 384}), f32({1024}), f32({1024}), f32({384})},
       norm_gradient},
      {"layer_norm_gradient bf16 1024x384",
       {bf16({1024, 384}), bf16({1024, 384}), f32({1024}), f32({1024}), f32({384})},
       norm_gradient},
      {"transpose 2-D f32 2048x2048", {f32({2048, 2048})}, turn({1, 0})},
      {"transpose 2-D f32 384x1536", {f32({384, 1536})}, turn({1, 0})},
      {"transpose 2-D bf16 2048x2048", {bf16({2048, 2048})}, turn({1, 0})},
      {"transpose heads f32 12,64,4,32", {f32({12, 64, 4, 32})}, turn({0, 2, 1, 3})},
      {"transpose nchw to nhwc", {f32({64, 64, 32, 32})}, turn({0, 2, 3, 1})},
      {"broadcast rows f32",
       {f32({512})},
       [](const auto& x) { return std::vector{broadcast_to(x[0], {4096, 512})}; }},
      {"slice middle f32",
       {f32({4096, 512})},
       [](const auto& x) { return std::vector{slice(x[0], {128}, {384}, {1})}; },
       2.0 * 4096 * 256 * 4},
      {"concat last axis f32",
       {f32({4096, 128}), f32({4096, 384})},
       [](const auto& x) { return std::vector{concat({x[0], x[1]}, 1)}; }},
      {"random_uniform 1M",
       {i64({2})},
       [](const auto& x) { return std::vector{random_uniform(x[0], {1 << 20})}; }},
      {"gather rows f32",
       {f32({64, 128}), i64({768})},
       [](const auto& x) { return std::vector{gather(x[0], x[1])}; },
       2.0 * 768 * 128 * 4},
      {"scatter rows f32",
       {f32({64, 128}), i64({768}), f32({768, 128})},
       [](const auto& x) { return std::vector{scatter(x[0], x[1], x[2])}; },
       2.0 * 768 * 128 * 4},
      sparse_case("csr_matmul 2708x5 of 16", 2708, 5, 16, true),
      sparse_case("gather and scatter 2708x5 of 16", 2708, 5, 16, false),
      sparse_case("csr_matmul 20000x20 of 128", 20000, 20, 128, true),
      sparse_case("gather and scatter 20000x20 of 128", 20000, 20, 128, false),
      {"avg_pool f32 64,64,32,32",
       {f32({64, 64, 32, 32})},
       [](const auto& x) { return std::vector{avg_pool2d(x[0], 2)}; }},
      {"resize linear f32 8,3,224,224",
       {f32({8, 3, 224, 224})},
       [](const auto& x) {
         return std::vector{resize(x[0], {448, 448}, {.mode = ResizeMode::linear})};
       }},
      {"rotary f32 4,8,256,64",
       {f32({4, 8, 256, 64}), f32({256, 32}), f32({256, 32})},
       [](const auto& x) { return std::vector{rotary(x[0], x[1], x[2])}; }},
      {"softmax f32 3072x64",
       {f32({3072, 64})},
       [](const auto& x) { return std::vector{softmax(x[0])}; }},
      {"cross_entropy f32 768x65",
       {f32({768, 65}), i64({768})},
       [](const auto& x) { return outputs_of(cross_entropy(x[0], x[1]), 2); }},
  };
}

}  // namespace
}  // namespace suan

int main(int argc, char** argv) {
  const char* part = argc > 1 ? argv[1] : "";
  const int rounds = argc > 2 ? std::max(1, std::atoi(argv[2])) : 15;
  for (const auto& c : suan::cases()) {
    if (std::strstr(c.name, part)) suan::measure(c, rounds);
  }
}
