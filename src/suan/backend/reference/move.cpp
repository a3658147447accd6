// Ops that move elements, and random numbers.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "suan/backend/reference/element.h"
#include "suan/backend/reference/kernels.h"
#include "suan/base/random.h"
#include "suan/ops/shape_ops.h"

namespace suan::reference {
namespace {

void copy_element(const Operand& from, int64_t i, const Operand& to, int64_t j) {
  const size_t size = size_of(from.type.dtype);
  std::memcpy(to.as<char>() + static_cast<size_t>(j) * size,
              from.as<char>() + static_cast<size_t>(i) * size, size);
}

}  // namespace

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

void random_uniform(const Node&, const KernelArgs& args) {
  const auto key = static_cast<uint64_t>(args.in[0].as<int64_t>()[0]);
  const auto stream = static_cast<uint64_t>(args.in[0].as<int64_t>()[1]);
  Random random(key, stream);
  for (int64_t i = 0; i < args.out[0].numel(); ++i) args.out[0].as<float>()[i] = random.uniform();
}

}  // namespace suan::reference
