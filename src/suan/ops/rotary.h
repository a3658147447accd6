// Rotary position embedding: pairs of elements turned by angles that grow with the position, so
// that dot products depend on distances. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

struct RotaryAttrs {
  bool interleaved = false;  // pairs are neighbours (2 i, 2 i + 1); else (i, i + half)
  bool operator==(const RotaryAttrs&) const = default;
  static constexpr auto fields() {
    return std::tuple{Field{"interleaved", &RotaryAttrs::interleaved}};
  }
};

// Turns each pair (a, b) of the first 2 h elements along the last axis, h being the last size of
// cos: (a cos - b sin, b cos + a sin); the other elements stay. cos and sin broadcast to x's shape
// with h in place of its last size, and are of x's dtype or of f32 (f64 for f64). Throws Error when
// they do not fit.
Tensor rotary(const Tensor& x, const Tensor& cos, const Tensor& sin, RotaryAttrs attrs = {});

struct RotaryOptions {
  bool interleaved = false;   // as in GPT-J and the paper; else as in Llama and GPT-NeoX
  int64_t dims = 0;           // how many elements of the last axis turn; 0: all
  double base = 10000;        // pair i of d / 2 turns by position base^(-2 i / d)
  bool heads_inside = false;  // x is [n, time, heads, d], not [n, heads, time, d]
};

// x with pair i of each vector at `positions` turned by positions base^(-2 i / dims). x [n, heads,
// time, d] (or [n, time, heads, d]), positions [time] or [n, time] of i64 or i32. ONNX
// RotaryEmbedding. Throws Error when shapes do not fit or dims is odd. Su et al., "RoFormer", 2021.
Tensor rotary_embedding(const Tensor& x, const Tensor& positions, RotaryOptions options = {});

}  // namespace suan
