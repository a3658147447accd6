// What the targets that run models share, included once in each: their start, the arguments they
// make up, and how much a model may ask for.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdlib.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "suan/base/error.h"
#include "suan/base/random.h"
#include "suan/base/threads.h"
#include "suan/formats/onnx/model.h"
#include "suan/program/choice.h"

namespace suan::fuzz {

inline constexpr onnx::Limits kLimits{.file_bytes = 1 << 18,
                                      .value_bytes = 1 << 20,
                                      .memory = 1 << 25,
                                      .flops = 1e6,
                                      .loop = 20,
                                      .nodes = 1000,
                                      .depth = 8,
                                      .late_bytes = 16};

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline Array made_up(DType dtype, const Shape& shape, Random& random) {
  constexpr int64_t kMost = 4096;
  if (shape.numel() > kMost) fail("input", "is too large");
  Array array(dtype, shape);
  visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < array.numel(); ++i) {
      array.as<T>()[i] = static_cast<T>(static_cast<float>(random.randint(0, 4)));
    }
  });
  return array;
}

inline std::vector<onnx::Value> made_up(const std::vector<onnx::Argument>& arguments,
                                        uint64_t seed) {
  Random random(seed);
  std::vector<onnx::Value> values;
  for (const onnx::Argument& argument : arguments) {
    Shape shape = argument.ranked ? argument.shape : Shape{2, 3};
    for (int64_t& size : shape) size = size < 0 ? 2 : size;
    const Tensor tensor = Tensor::from(made_up(argument.dtype, shape, random));
    switch (argument.kind) {
      case TypeKind::tensor:
        values.emplace_back(tensor);
        break;
      case TypeKind::sequence:
        values.push_back(onnx::Value::sequence({tensor, tensor}));
        break;
      case TypeKind::optional:
        values.push_back(onnx::Value::optional({tensor}));
        break;
      case TypeKind::map:
        values.push_back(
            onnx::Value::map(Array::list<int64_t>({0, 1}), Tensor::of<float>({1, 2}, {2})));
    }
  }
  return values;
}

// Whether running this graph takes little work and memory.
inline bool is_small(const Graph& graph) {
  double flops = 0;
  size_t most = 0;
  for (const NodePtr& node : graph.nodes()) {
    flops += cost_of(*node).flops;
    for (const Type& type : node->types) most = std::max(most, type.bytes());
  }
  return flops <= kLimits.flops && most <= kLimits.value_bytes;
}

}  // namespace suan::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  suan::set_reproducible_mode(true);
  suan::set_num_threads(1);         // a team waits for a core more than it computes
  setenv("SUAN_LOG", "silent", 0);  // thousands of warnings
  return 0;
}
