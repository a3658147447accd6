// One token through a network of the shape of GPT-2 small, batch 1, with its weights as floats, as
// 8 bits and as 4 bits that are multiplied as they are stored: times of runs in turns, and bytes.
// The token attends to itself alone, so that products are all there is beside norms and GELU.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <vector>

#include "benchmarks/conditions.h"
#include "suan/backend/kernel.h"
#include "suan/base/file.h"
#include "suan/graph/pending.h"
#include "suan/ops/activation.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/quantize.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/program/explain.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"

namespace {

using namespace suan;

constexpr int64_t kWidth = 768, kLayers = 12, kWords = 50257;

// How weights are kept.
struct Scheme {
  std::string name;
  DType dtype = DType::f32;
  int64_t block = 0;  // 0: a scale for each column
  bool zeros = false;
};
const Scheme kSchemes[] = {{"f32"},
                           {"int8, a scale a column", DType::i8},
                           {"int4, blocks of 64", DType::i4, 64},
                           {"uint4, blocks of 64, zero points", DType::u4, 64, true},
                           {"int4, blocks of 32", DType::i4, 32}};

// Numbers in [low, high), rounded down where they are integers.
Tensor constant(const Type& type, double low, double high) {
  static uint32_t state = 1;
  const BufferPtr buffer = Buffer::allocate(type.bytes());
  for (int64_t i = 0; i < type.shape.numel(); ++i) {
    state = state * 1664525U + 1013904223U;  // Knuth's generator: no need for more
    const double v = low + (high - low) * (static_cast<double>(state) * 0x1p-32);
    if (type.dtype == DType::f32) {
      buffer->as<float>()[i] = static_cast<float>(v);
    } else {
      buffer->as<int8_t>()[i] = static_cast<int8_t>(static_cast<int>(std::floor(v)));
    }
  }
  return make_constant(type, buffer);
}

class Decoder {
 public:
  explicit Decoder(const Scheme& scheme) : scheme_(scheme) {}

  Graph graph() {
    Graph graph;
    graph.inputs = {make_input({DType::i64, {1}}, "id")};
    const Tensor table = weights(kWords, kWidth);
    Tensor x = gather(table, graph.inputs[0]);
    for (int64_t i = 0; i < kLayers; ++i) x = layer(x);
    graph.outputs = {matmul(norm(x), table, false, true)};
    return graph;
  }

 private:
  Tensor layer(const Tensor& x) {
    const Tensor qkv = linear(norm(x), 3 * kWidth);
    const Tensor y = x + linear(narrow(qkv, 1, 2 * kWidth, 3 * kWidth) + qkv_used(qkv), kWidth);
    return y + linear(gelu_tanh(linear(norm(y), 4 * kWidth)), kWidth);
  }
  // Keeps all of the product: the values' columns alone would be computed otherwise.
  static Tensor qkv_used(const Tensor& qkv) {
    return 1e-3 * (narrow(qkv, 1, 0, kWidth) * narrow(qkv, 1, kWidth, 2 * kWidth));
  }
  static Tensor vector(int64_t n, double low, double high) {
    return constant({DType::f32, {n}}, low, high);
  }
  static Tensor norm(const Tensor& x) {
    return layer_norm(x, vector(kWidth, 0.9, 1.1), vector(kWidth, -0.1, 0.1));
  }
  Tensor linear(const Tensor& x, int64_t n) {
    return matmul(x, weights(n, x.shape().back()), false, true) + vector(n, -0.1, 0.1);
  }
  Tensor weights(int64_t n, int64_t k) {
    if (scheme_.dtype == DType::f32) return constant({DType::f32, {n, k}}, -0.05, 0.05);
    const IntegerRange range = integer_range(scheme_.dtype);
    const double step = 0.1 / (range.high - range.low);
    const Shape scales{n, scheme_.block ? k / scheme_.block : 1};
    const Tensor q = constant({scheme_.dtype, {n, k}}, range.low, range.high + 1);
    const Tensor scale = constant({DType::f32, scales}, 0.9 * step, 1.1 * step);
    const Tensor zero = scheme_.zeros ? constant({scheme_.dtype, scales}, 7, 9) : Tensor();
    return dequantize(q, scale, zero, {.axis = 1, .block = scheme_.block});
  }

  Scheme scheme_;
};

struct Contestant {
  explicit Contestant(const Scheme& s)
      : name(s.name), context(Program::build(Decoder(s).graph(), cpu_backend())) {
    bytes = measure_size(context.program()).constant_bytes;
  }
  double seconds() {
    const int64_t id = 4711;
    const BufferPtr inputs[] = {Buffer::copy_of(&id, sizeof id)};
    const auto start = std::chrono::steady_clock::now();
    context.run(inputs);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  std::string name;
  RunContext context;
  size_t bytes = 0;
  double best = 1e30;
};

void explain_slowest(Contestant& c) {
  std::vector<double> times;
  c.context.profile = &times;
  for (int i = 0; i < 20; ++i) c.seconds();
  c.context.profile = nullptr;
  std::vector<StepInfo> steps = explain_steps(c.context.program());
  for (size_t i = 0; i < steps.size(); ++i) steps[i].seconds = times[i] / 20;
  fmt::print("{}\n", explain_measured(c.context.program(), steps, cpu_roofline(Arithmetic::f32)));
}

std::string to_json(const std::list<Contestant>& all, size_t floats) {
  std::string out;
  for (const Contestant& c : all) {
    out += fmt::format(
        R"({}{{"weights": "{}", "ms": {:.3f}, "time": {:.3f}, "bytes": {}, "memory": {:.4f}, {}}})",
        out.empty() ? "[" : ",\n ", c.name, c.best * 1e3, c.best / all.front().best, c.bytes,
        static_cast<double>(c.bytes) / static_cast<double>(floats), conditions_json());
  }
  return out + "]\n";
}

void run(const std::string& json, int rounds, bool profile) {
  const PauseTracking graphs_only;
  std::list<Contestant> all;
  for (const Scheme& scheme : kSchemes) all.emplace_back(scheme);
  for (int i = 0; i < rounds; ++i) {
    for (Contestant& c : all) {
      for (int j = 0; j < 3; ++j) c.best = std::min(c.best, c.seconds());
    }
  }
  const size_t floats =
      sizeof(float) * (kWords * kWidth + kLayers * 12 * kWidth * kWidth);  // each weight once
  for (Contestant& c : all) {
    fmt::print(
        "{:34} {:7.3f} ms {:6.3f} of f32, {:6.1f} MB {:7.4f} of the weights in f32, {:5.1f} GB/s\n",
        c.name, c.best * 1e3, c.best / all.front().best, static_cast<double>(c.bytes) / 1e6,
        static_cast<double>(c.bytes) / static_cast<double>(floats),
        static_cast<double>(c.bytes) / c.best / 1e9);
  }
  if (profile) {
    for (Contestant& c : all) explain_slowest(c);
  }
  if (!json.empty()) write_file_atomically(json, to_json(all, floats));
}

}  // namespace

// weight_only_bench [--json FILE] [--rounds N] [--profile], with $SUAN_THREADS threads.
int main(int argc, char** argv) {
  std::string json;
  int rounds = 20;
  bool profile = false;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--profile") {
      profile = true;
    } else if (i + 1 < argc && word == "--json") {
      json = argv[++i];
    } else if (i + 1 < argc && word == "--rounds") {
      rounds = std::max(1, std::atoi(argv[++i]));
    } else {
      fmt::print(stderr, "usage: weight_only_bench [--json FILE] [--rounds N] [--profile]\n");
      return 2;
    }
  }
  try {
    run(json, rounds, profile);
  } catch (const std::exception& error) {
    fmt::print(stderr, "weight_only_bench: {}\n", error.what());
    return 2;
  }
}
