// Ops that move elements, and random numbers.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/base/random.h"
#include "suan/ops/arange.h"
#include "suan/ops/concat.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::reference {

void copy(const Node&, const KernelArgs& args) {
  if (const size_t bytes = args.in[0].type.bytes()) {
    std::memmove(args.out[0].data, args.in[0].data, bytes);
  }
}

void transpose(const Node& node, const KernelArgs& args) {
  const auto& axes = node.attr<TransposeAttrs>().axes;
  const Shape strides = args.in[0].type.shape.strides();
  for_each(args.out[0].type.shape, [&](const Shape& index, int64_t position) {
    int64_t from = 0;
    for (int i = 0; i < index.rank(); ++i) {
      from += index[i] * strides[static_cast<int>(axes[static_cast<size_t>(i)])];
    }
    copy_element(args.in[0], from, args.out[0], position);
  });
}

void broadcast_to(const Node&, const KernelArgs& args) {
  const Shape& from = args.in[0].type.shape;
  const Shape strides = from.strides();
  for_each(args.out[0].type.shape, [&](const Shape& index, int64_t position) {
    copy_element(args.in[0], broadcast_offset(index, from, strides), args.out[0], position);
  });
}

namespace {

// Position in a tensor of this shape of element `index` of a slice of it.
int64_t sliced_offset(const Shape& index, const Shape& strides, const std::vector<int64_t>& starts,
                      const std::vector<int64_t>& steps) {
  int64_t offset = 0;
  for (int i = 0; i < index.rank(); ++i) {
    const auto d = static_cast<size_t>(i);
    offset += (starts[d] + index[i] * steps[d]) * strides[i];
  }
  return offset;
}

}  // namespace

void slice(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<SliceAttrs>();
  const Shape strides = args.in[0].type.shape.strides();
  for_each(args.out[0].type.shape, [&](const Shape& index, int64_t position) {
    copy_element(args.in[0], sliced_offset(index, strides, a.starts, a.steps), args.out[0],
                 position);
  });
}

void place(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<PlaceAttrs>();
  const Shape strides = a.shape.strides();
  if (const size_t bytes = args.out[0].type.bytes()) std::memset(args.out[0].data, 0, bytes);
  for_each(args.in[0].type.shape, [&](const Shape& index, int64_t position) {
    copy_element(args.in[0], position, args.out[0],
                 sliced_offset(index, strides, a.starts, a.steps));
  });
}

void concat(const Node& node, const KernelArgs& args) {
  const Shape strides = args.out[0].type.shape.strides();
  const int axis = normalize_axis(node.attr<ConcatAttrs>().axis, strides.rank(), "axis");
  int64_t first = 0;
  for (const Operand& x : args.in) {
    for_each(x.type.shape, [&](const Shape& index, int64_t position) {
      copy_element(x, position, args.out[0], first + offset_of(index, strides));
    });
    first += x.type.shape[axis] * strides[axis];
  }
}

void pad(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<PadAttrs>();
  const Operand &x = args.in[0], &y = args.out[0];
  const Shape strides = y.type.shape.strides();
  for (int64_t i = 0; i < y.numel(); ++i) store(y, i, a.value);
  const std::vector<int64_t> steps(a.begin.size(), 1);
  for_each(x.type.shape, [&](const Shape& index, int64_t position) {
    copy_element(x, position, y, sliced_offset(index, strides, a.begin, steps));
  });
}

void arange(const Node& node, const KernelArgs& args) {
  const auto& a = node.attr<ArangeAttrs>();
  for (int64_t i = 0; i < a.count; ++i) {
    store(args.out[0], i, a.start + static_cast<double>(i) * a.step);
  }
}

void random_uniform(const Node&, const KernelArgs& args) {
  const auto key = static_cast<uint64_t>(args.in[0].as<int64_t>()[0]);
  const auto stream = static_cast<uint64_t>(args.in[0].as<int64_t>()[1]);
  Random random(key, stream);
  for (int64_t i = 0; i < args.out[0].numel(); ++i) args.out[0].as<float>()[i] = random.uniform();
}

void random_normal(const Node&, const KernelArgs& args) {
  Random random(static_cast<uint64_t>(args.in[0].as<int64_t>()[0]),
                static_cast<uint64_t>(args.in[0].as<int64_t>()[1]));
  const Operand& y = args.out[0];
  for (int64_t i = 0; i < y.numel(); i += 2) {
    const uint32_t first = random.word();
    const auto [a, b] = to_normals(first, random.word());
    y.as<float>()[i] = a;
    if (i + 1 < y.numel()) y.as<float>()[i + 1] = b;
  }
}

}  // namespace suan::reference
