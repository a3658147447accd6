// Neighbouring dims of a kind are one. Where results are few, each is computed in parts, as many as
// fill a large GPU; the same on every GPU, so that results are the same bits.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/reduce_plan.h"

#include <algorithm>

namespace suan::cuda {
namespace {

constexpr int64_t kThreads = 256;
constexpr int64_t kBlocks = 528;  // four for each multiprocessor of an H100
constexpr size_t kState = 24;     // bytes of the largest state

void add_dim(ReduceDims& dims, int64_t size, int64_t stride) {
  dims.size[dims.rank] = size;
  dims.stride[dims.rank] = stride;
  ++dims.rank;
}

// The dims of both kinds, innermost first; whether the innermost is a kept one.
bool collapse(const Shape& shape, const std::vector<bool>& reduced, ReduceShape& r) {
  const Shape strides = shape.strides();
  bool any = false, last = false, columns = false;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    const bool gone = reduced[static_cast<size_t>(i)];
    (gone ? r.count : r.outputs) *= shape[i];
    if (shape[i] == 1) continue;
    ReduceDims& dims = gone ? r.reduced : r.kept;
    if (any && gone == last) {
      dims.size[dims.rank - 1] *= shape[i];
    } else {
      add_dim(dims, shape[i], strides[i]);
    }
    if (!any) columns = !gone;
    any = true;
    last = gone;
  }
  return columns;
}

void remove_innermost(ReduceDims& dims) {
  --dims.rank;
  std::copy_n(dims.size + 1, dims.rank, dims.size);
  std::copy_n(dims.stride + 1, dims.rank, dims.stride);
}

// Parts of the `count` elements of each result, none shorter than `least`, a multiple of `unit`.
void choose_parts(ReduceShape& r, int64_t blocks, int64_t least, int64_t unit) {
  const int64_t wanted = std::min(kBlocks / std::max<int64_t>(blocks, 1), r.count / least);
  const int64_t parts = std::max<int64_t>(wanted, 1);
  const int64_t part = (r.count + parts - 1) / parts;
  r.part = std::max<int64_t>((part + unit - 1) / unit * unit, 1);
  r.parts = std::max<int64_t>((r.count + r.part - 1) / r.part, 1);
}

}  // namespace

ReducePlan plan_reduction(const std::string& function, const std::string& suffix,
                          const Shape& shape, const std::vector<bool>& reduced, int64_t wide) {
  ReducePlan plan;
  ReduceShape& r = plan.shape;
  r.outputs = r.count = 1;
  const bool columns = collapse(shape, reduced, r);
  r.inner = columns ? r.kept.size[0] : 1;
  const int64_t line = columns ? r.inner : r.reduced.rank > 0 ? r.reduced.size[0] : 1;
  const int64_t width = line % wide == 0 ? wide : 1;
  int64_t blocks = 1;
  if (columns) {
    remove_innermost(r.kept);
    const int64_t pieces = r.inner / width;
    r.across = threads_across(pieces);
    blocks = r.outputs / std::max<int64_t>(r.inner, 1) * ((pieces + r.across - 1) / r.across);
    choose_parts(r, blocks, kThreads / r.across * 8, 1);
  } else {
    r.whole = r.count > 1024;
    blocks = r.whole ? r.outputs : (r.outputs + 7) / 8;
    choose_parts(r, blocks, kThreads * width * 4, width);
  }
  plan.kernel = OwnKernel(function + (columns ? "_columns" : "_rows") +
                          (width > 1 ? "_wide_" : "_") + suffix);
  plan.launch = {.blocks = {blocks_of(blocks, 1), static_cast<unsigned>(r.parts), 1},
                 .threads = kThreads};
  if (r.parts == 1) return plan;
  plan.merge_kernel = OwnKernel(function + "_merge_" + suffix);
  plan.merge_launch = {.blocks = {blocks_of(r.outputs, 8), 1, 1}, .threads = kThreads};
  plan.scratch_bytes = static_cast<size_t>(r.outputs * r.parts) * kState;
  return plan;
}

const char* reduction_why_not(int64_t outputs) {
  return outputs > (int64_t{1} << 30) ? "there are too many results for one launch" : nullptr;
}

}  // namespace suan::cuda
