// What attention and its gradient share outside the vector code.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstring>
#include <numbers>

#include "suan/backend/cpu/attention.h"
#include "suan/backend/cpu/move.h"
#include "suan/backend/seen_dims.h"

namespace suan::cpu {

void HeadRows::read(const Operand& x, int64_t b, int64_t head, int64_t first, int64_t count,
                    float* to, int64_t to_step) const {
  const int64_t start = offset(b, head) + first * step();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = start + i * step();
    float* row = to + i * to_step;
    if (load) {
      load(x.as<char>() + static_cast<size_t>(at) * element, row, static_cast<size_t>(width));
    } else {
      std::memcpy(row, x.as<float>() + at, static_cast<size_t>(width) * sizeof(float));
    }
  }
}

void HeadRows::prefetch(const Operand& x, int64_t b, int64_t head, int64_t first,
                        int64_t end) const {
  constexpr int64_t kLine = 64;
  const auto bytes = static_cast<int64_t>(element);
  for (int64_t i = first; i < std::min(end, rows); ++i) {
    const char* row = x.as<char>() + (offset(b, head) + i * step()) * bytes;
    for (int64_t at = 0; at < width * bytes; at += kLine) __builtin_prefetch(row + at);
  }
}

void HeadRows::write(const float* from, int64_t from_step, const Operand& y, int64_t b,
                     int64_t head, int64_t first, int64_t count) const {
  const int64_t start = offset(b, head) + first * step();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = start + i * step();
    const float* row = from + i * from_step;
    if (store) {
      store(row, y.as<char>() + static_cast<size_t>(at) * element, static_cast<size_t>(width));
    } else {
      std::memcpy(y.as<float>() + at, row, static_cast<size_t>(width) * sizeof(float));
    }
  }
}

AttentionPlan::AttentionPlan(const Node& node, int mask)
    : attrs(node.attr<AttentionAttrs>()),
      z(attention_sizes(node.inputs[0].shape(), node.inputs[1].shape(), node.inputs[2].shape(),
                        attrs)),
      scale(static_cast<float>(attention_scale(attrs, z.d) * std::numbers::log2e)),
      mask_input(mask) {
  const DType dtype = node.inputs[0].dtype();
  const auto rows = [&](int64_t count, int64_t heads, int64_t width) {
    const bool wide = dtype == DType::f32;
    return HeadRows{count,
                    heads,
                    width,
                    attrs.heads_inside,
                    wide ? nullptr : find_load_function(dtype),
                    find_store_function(dtype),
                    size_of(dtype)};
  };
  q = rows(z.t, z.h, z.d);
  k = rows(z.s, z.h_kv, z.d);
  v = rows(z.s, z.h_kv, z.d_v);
  y = rows(z.t, z.h, z.d_v);
  const auto at = static_cast<size_t>(mask);
  if (at >= node.inputs.size() || !node.inputs[at]) return;
  const Tensor& m = node.inputs[at];
  masked = true;
  bool_mask = m.dtype() == DType::boolean;
  const Shape strides = seen_strides(m.shape(), 4);
  std::copy(strides.begin(), strides.end(), mask_strides);
}

int64_t AttentionPlan::length(const KernelArgs& args, int64_t b) const {
  const auto i = static_cast<size_t>(mask_input) + 1;
  return i < args.in.size() && args.in[i].data ? args.in[i].as<int64_t>()[b] : z.s;
}

bool AttentionPlan::check_lengths(const Node& node, const KernelArgs& args) const {
  for (int64_t b = 0; b < z.b; ++b) {
    const int64_t got = length(args, b);
    if (got >= 0 && got <= z.s) continue;
    args.errors.report(where_of(node),
                       fmt::format("length {} at position {} is outside [0, {}]", got, b, z.s));
    return false;
  }
  return true;
}

MaskTile mask_tile(const AttentionPlan& plan, const KernelArgs& args, int64_t b, int64_t h,
                   int64_t first) {
  const Operand* mask = plan.mask(args);
  if (!mask) return {};
  const int64_t* s = plan.mask_strides;
  const int64_t at = b * s[0] + h * s[1] + first * s[2];
  MaskTile tile{.query_step = s[2], .key_step = s[3]};
  if (plan.bool_mask) {
    tile.seen = mask->as<bool>() + at;
  } else {
    tile.numbers = mask->as<float>() + at;
  }
  return tile;
}

const char* attention_sizes_why_not(const Node& node) {
  const DType dtype = node.inputs[0].dtype();
  if (dtype != DType::f32 && dtype != DType::bf16) return "the dtype is not f32 or bf16";
  const AttentionSizes z = attention_sizes(node.inputs[0].shape(), node.inputs[1].shape(),
                                           node.inputs[2].shape(), node.attr<AttentionAttrs>());
  if (z.b * z.h * z.t * z.d * z.d_v * z.s == 0) return "there is nothing to compute";
  if (z.s >= 1 << 24) return "there are too many keys";
  return plain_why_not(node);
}

}  // namespace suan::cpu
