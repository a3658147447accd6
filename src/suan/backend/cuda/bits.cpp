// Kernels written for a dtype, and for the shapes where operands broadcast.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/bits.h"

#include <fmt/format.h>

#include "suan/backend/cuda/operand_index.h"
#include "suan/backend/cuda/source.h"
#include "suan/base/small_types.h"
#include "suan/ops/bitwise.h"

namespace suan::cuda {
namespace {

constexpr unsigned kThreads = 256;

// A kernel over `count` elements, with the fields of its struct.
std::string loop_text(int64_t count, const std::string& fields, const std::string& body) {
  const char* index = count < (int64_t{1} << 30) ? "uint32_t" : "uint64_t";
  return fmt::format(
      "struct P@ {{\n{0}}};\n"
      "SUAN_GLOBAL(@, P@) {{\n"
      "  for ({1} at = static_cast<{1}>(thread_number()); at < {2}u;\n"
      "       at += static_cast<{1}>(thread_count())) {{\n{3}  }}\n}}\n",
      fields, index, count, body);
}

// Of numbers a and b of type T, U being the unsigned one of as many bits.
std::string expression(BitwiseKind kind, bool has_sign) {
  switch (kind) {
    case BitwiseKind::bit_and:
      return "a & b";
    case BitwiseKind::bit_or:
      return "a | b";
    case BitwiseKind::bit_xor:
      return "a ^ b";
    case BitwiseKind::shift_left:
      return "beyond ? T(0) : T(U(a) << b)";
    case BitwiseKind::shift_right:
      break;
  }
  return has_sign ? "beyond ? T(a < 0 ? -1 : 0) : T(a >> b)" : "beyond ? T(0) : T(a >> b)";
}

std::string bitwise_text(const Node& node) {
  const DType dtype = node.types[0].dtype;
  const Shape& shape = node.types[0].shape;
  const auto offset = [&](int input) {
    const Shape& operand = node.inputs[static_cast<size_t>(input)].shape();
    return offset_text(seen_dims(operand, shape, Layout::plain), "at");
  };
  const std::string type = stored_name(dtype), bare = is_unsigned(dtype) ? type.substr(1) : type;
  const std::string body = fmt::format(
      "    typedef {} T;\n    typedef u{} U;\n"
      "    const T a = p.a[{}], b = p.b[{}];\n"
      "    const bool beyond = static_cast<uint64_t>(b) >= {}u;\n"
      "    p.y[at] = static_cast<T>({});\n    (void)beyond;\n    (void)U(0);\n",
      type, bare, offset(0), offset(1), 8 * size_of(dtype),
      expression(node.attr<BitwiseAttrs>().kind, !is_unsigned(dtype)));
  return loop_text(shape.numel(), fmt::format("  const {0} *a, *b;\n  {0}* y;\n", type), body);
}

// An element of a byte keeps the bits that its dtype has; a number with a sign fills the byte.
std::string bitcast_text(const Type& type) {
  const int bits = bits_of(type.dtype), mask = (1 << bits) - 1;
  std::string body = fmt::format("    int value = p.x[at] & {};\n", mask);
  if (is_small_integer(type.dtype) && small_range(type.dtype).low < 0) {
    body += fmt::format("    if (value > {}) value -= {};\n", mask / 2, mask + 1);
  }
  if (type.dtype == DType::boolean) body += "    value = value != 0;\n";
  body += "    p.y[at] = static_cast<uint8_t>(value);\n";
  return loop_text(type.shape.numel(), "  const uint8_t* x;\n  uint8_t* y;\n", body);
}

// All operands, then the result.
class SourceCall final : public Call {
 public:
  SourceCall(const std::string& text, int64_t count) : count_(count), source_(text) {}
  void run(const KernelArgs& args) const override {
    const void* params[3];
    size_t n = 0;
    for (const Operand& in : args.in) params[n++] = in.data;
    params[n++] = args.out[0].data;
    Gpu& gpu = gpu_of(args);
    const unsigned blocks = blocks_for(gpu, count_, kThreads);
    source_.launch(gpu, {.blocks = {blocks, 1, 1}, .threads = kThreads},
                   static_cast<const void*>(params), n * sizeof(void*));
  }

 private:
  int64_t count_;
  Source source_;
};

void copy_bits(const Node& /*node*/, const KernelArgs& args) {
  gpu_of(args).copy(args.out[0].data, args.in[0].data, args.out[0].type.bytes());
}

}  // namespace

std::unique_ptr<Call> make_bitwise_call(const Node& node) {
  return std::make_unique<SourceCall>(bitwise_text(node), node.types[0].shape.numel());
}

std::unique_ptr<Call> make_bitcast_call(const Node& node) {
  const DType dtype = node.types[0].dtype;
  const bool whole = bits_of(dtype) == 8 && dtype != DType::boolean;
  if (size_of(dtype) > 1 || whole) return plain<copy_bits>(node);
  return std::make_unique<SourceCall>(bitcast_text(node.types[0]), node.types[0].shape.numel());
}

}  // namespace suan::cuda
