// Runs one graph on the cpu and the reference backend and compares what comes out.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "suan/base/random.h"
#include "suan/graph/graph.h"
#include "suan/graph/pending.h"
#include "suan/program/program.h"

namespace suan {

inline Array random_array(const Type& type, uint64_t seed, double low = -2, double high = 2) {
  Array array(type.dtype, type.shape);
  Random random(seed);
  visit(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < array.numel(); ++i) {
      const float v = random.uniform(static_cast<float>(low), static_cast<float>(high));
      if constexpr (std::is_same_v<T, bool>) {
        array.as<T>()[i] = v > 0;
      } else {
        array.as<T>()[i] = static_cast<T>(v);
      }
    }
  });
  return array;
}

inline Tensor random_constant(const Type& type, uint64_t seed, double low = -1, double high = 1) {
  return make_constant(type, random_array(type, seed, low, high).buffer);
}

inline std::vector<double> as_numbers(const Array& array) {
  std::vector<double> out(static_cast<size_t>(array.numel()));
  visit(array.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<double>(array.as<T>()[i]);
  });
  return out;
}

// The names of the kernels that the cpu program of the graph runs, joined by spaces.
inline std::string kernels_of(const Graph& graph) {
  std::string names;
  const ProgramPtr program = Program::build(graph, cpu_backend());
  for (const PlannedStep& step : program->plan().steps) {
    if (!names.empty()) names += " ";
    names += step.kernel ? step.kernel->name : "copy";
  }
  return names;
}

inline std::vector<Array> run_on(const Backend& backend, const Graph& graph,
                                 const std::vector<Array>& inputs) {
  RunContext context(Program::build(graph, backend));
  std::vector<BufferPtr> blocks;
  for (const Array& a : inputs) blocks.push_back(a.buffer);
  std::vector<Array> out;
  const auto results = context.run(blocks);
  for (size_t i = 0; i < results.size(); ++i) {
    const Type& type = graph.outputs[i].type();
    out.emplace_back(type.dtype, type.shape, results[i]);
  }
  return out;
}

// Equal up to `tolerance` of the largest element of each output.
inline void expect_same(const Graph& graph, const std::vector<Array>& inputs, double tolerance) {
  const auto got = run_on(cpu_backend(), graph, inputs);
  const auto want = run_on(reference_backend(), graph, inputs);
  for (size_t o = 0; o < want.size(); ++o) {
    const auto g = as_numbers(got[o]), w = as_numbers(want[o]);
    double scale = 1e-6;
    for (double v : w) scale = std::isfinite(v) ? std::max(scale, std::abs(v)) : scale;
    for (size_t i = 0; i < w.size(); ++i) {
      const bool same = g[i] == w[i] || (std::isnan(g[i]) && std::isnan(w[i]));
      if (same || std::abs(g[i] - w[i]) <= tolerance * scale) continue;
      ADD_FAILURE() << "output " << o << ", element " << i << ": " << g[i] << ", expected " << w[i];
      return;
    }
  }
}

// A graph of f over new inputs of these types, with random inputs made for it.
struct Trial {
  Graph graph;
  std::vector<Array> inputs;
};
template <class F>
Trial trial(const std::vector<Type>& types, const F& f) {
  const PauseTracking pause;  // never realised
  Trial t;
  uint64_t seed = 1;
  for (const Type& type : types) {
    t.graph.inputs.push_back(make_input(type, "x" + std::to_string(seed)));
    t.inputs.push_back(random_array(type, seed++));
  }
  t.graph.outputs = f(t.graph.inputs);
  return t;
}

}  // namespace suan
