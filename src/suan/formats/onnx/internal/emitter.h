// Emitter: writes the nodes of an ONNX graph for the nodes of a Graph. The rules of ops see it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "suan/formats/named_array.h"
#include "suan/formats/onnx/internal/tensor_proto.h"
#include "suan/graph/graph.h"
#include "suan/ops/op.h"

namespace suan::onnx {

using Ints = std::vector<int64_t>;
using Tensors = std::vector<Tensor>;
using Names = std::vector<std::string>;  // of values; "" is one that is absent
using AttrValue = std::variant<int64_t, float, std::string, Ints, Array>;
using NodeAttrs = std::vector<std::pair<std::string_view, AttrValue>>;

// Sets of dtypes, for what an operator takes.
using DTypes = uint32_t;
constexpr DTypes set_of(DType dtype) { return DTypes{1} << static_cast<int>(dtype); }
template <class... D>
constexpr DTypes set_of(DType first, D... rest) {
  return set_of(first) | set_of(rest...);
}
inline constexpr DTypes kFloats = set_of(DType::f16, DType::f32, DType::f64);
inline constexpr DTypes kAllFloats = kFloats | set_of(DType::bf16);
inline constexpr DTypes kSigned = set_of(DType::i8, DType::i16, DType::i32, DType::i64);
inline constexpr DTypes kUnsigned = set_of(DType::u8, DType::u16, DType::u32, DType::u64);
inline constexpr DTypes kWideIntegers = set_of(DType::i32, DType::i64, DType::u32, DType::u64);
inline constexpr DTypes kNumbers = kAllFloats | kSigned | kUnsigned;
inline constexpr DTypes kAny = ~DTypes{0};

double lowest(DType dtype);  // the least number of it

class Emitter {
 public:
  // All names of values begin with the prefix.
  explicit Emitter(int64_t opset, std::string prefix = "")
      : opset_(opset), prefix_(std::move(prefix)) {}

  int64_t opset() const { return opset_; }
  // Throws Error(kUnsupported) saying that `what` needs this opset.
  void need(int64_t opset, std::string_view what) const;

  // The name of a value that has been emitted; "" for an undefined one.
  const std::string& of(const Tensor& tensor) const;
  void set(const Tensor& tensor, std::string name);
  Names inputs_of(const Node& node) const;

  // A node of this operator; gives its outputs' names.
  Names add(std::string_view type, Names inputs, const NodeAttrs& attrs = {}, size_t outputs = 1);
  std::string one(std::string_view type, Names inputs, const NodeAttrs& attrs = {}) {
    return add(type, std::move(inputs), attrs)[0];
  }
  // The operator for a node: on its inputs, and `more` after them. Where their dtype is not among
  // `dtypes`, they are cast to one that is, and results of the inputs' dtype are cast back.
  Names typed(const Node& node, std::string_view type, DTypes dtypes, const NodeAttrs& attrs = {},
              const Names& more = {});
  // What computes on this dtype where only `dtypes` are taken; throws Error(kUnsupported).
  DType computed_in(DType dtype, DTypes dtypes, std::string_view type) const;

  std::string constant(const Array& array) { return initializer("constant", array); }
  std::string ints(const Ints& values) { return constant(Array::list(values)); }
  std::string sizes(const Shape& shape) { return ints({shape.begin(), shape.end()}); }
  std::string number(double value, DType dtype);  // a scalar
  std::string scalar(int64_t value);              // of i64
  std::string cast(const std::string& x, DType from, DType to);
  std::string reshape(const std::string& x, const Shape& shape);
  std::string filled(double value, const Shape& shape, DType dtype);

  // Reserves a name, made different from all others.
  std::string unique(const std::string& wanted);
  std::string initializer(const std::string& wanted, const Array& array);
  // Describes a value as an input or output.
  void describe(::onnx::ValueInfoProto& info, const std::string& name, const Type& type) const;
  int type_code(DType dtype) const;  // throws Error(kUnsupported) where the opset has it not

  ::onnx::GraphProto graph;
  formats::NamedArrays initializers;                   // whose messages are written at the end
  std::map<std::string, double, std::less<>> numbers;  // those of number(), before any rounding

 private:
  int64_t opset_;
  std::string prefix_;
  std::unordered_map<const Node*, Names> values_;
  std::set<std::string, std::less<>> names_;
  std::map<std::string, int, std::less<>> counts_;
};

// How an op leaves. A rule without `lower` and `emit` is the operator `type`, of the same inputs
// and results. Ops without a rule are decomposed.
struct ExportRule {
  Op op;
  std::string_view type = {};
  DTypes dtypes = kAny;  // that the operator takes
  // The node's outputs from simpler ops; none: it is emitted as it is.
  Tensors (*lower)(const NodePtr&, int64_t opset) = nullptr;
  Names (*emit)(Emitter&, const Node&) = nullptr;  // gives a name for each output
};

// The rules of one file each, all listed in export_files.inc.
#define EXPORTS(name) std::span<const ExportRule> export_##name##_rules();
#include "suan/formats/onnx/internal/export_files.inc"
#undef EXPORTS

}  // namespace suan::onnx
