// Names and nodes of the ONNX graph that an export writes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/emitter.h"

#include <cmath>
#include <limits>

#include "suan/backend/evaluate.h"
#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"

namespace suan::onnx {
namespace {

void set_attribute(::onnx::AttributeProto& to, std::string_view name, const AttrValue& from) {
  using Proto = ::onnx::AttributeProto;
  to.set_name(std::string(name));
  if (const auto* i = std::get_if<int64_t>(&from)) {
    to.set_type(Proto::INT);
    to.set_i(*i);
  } else if (const auto* number = std::get_if<float>(&from)) {
    to.set_type(Proto::FLOAT);
    to.set_f(*number);
  } else if (const auto* text = std::get_if<std::string>(&from)) {
    to.set_type(Proto::STRING);
    to.set_s(*text);
  } else if (const auto* list = std::get_if<Ints>(&from)) {
    to.set_type(Proto::INTS);
    for (const int64_t v : *list) to.add_ints(v);
  } else {
    to.set_type(Proto::TENSOR);
    write_tensor(*to.mutable_t(), std::get<Array>(from));
  }
}

// The opset whose operators first take this dtype.
int64_t opset_of(DType dtype) {
  switch (dtype) {
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
      return 19;
    case DType::i4:
    case DType::u4:
      return 21;
    case DType::f4e2m1:
      return 23;
    case DType::f8e8m0:
      return 24;
    case DType::i2:
    case DType::u2:
      return 25;
    default:
      return 18;
  }
}

}  // namespace

double lowest(DType dtype) {
  if (is_float(dtype)) return -std::numeric_limits<double>::infinity();
  if (is_unsigned(dtype) || dtype == DType::boolean) return 0;
  return -std::ldexp(1.0, static_cast<int>(8 * size_of(dtype)) - 1);
}

void Emitter::need(int64_t opset, std::string_view what) const {
  if (opset_ >= opset) return;
  fail(ErrorCode::kUnsupported, "export", "{} needs opset {} or later, got {}", what, opset,
       opset_);
}

const std::string& Emitter::of(const Tensor& tensor) const {
  static const std::string absent;
  if (!tensor) return absent;
  return values_.at(&tensor.node())[static_cast<size_t>(tensor.output())];
}

void Emitter::set(const Tensor& tensor, std::string name) {
  Names& names = values_[&tensor.node()];
  names.resize(tensor.node().types.size());
  names[static_cast<size_t>(tensor.output())] = std::move(name);
}

Names Emitter::inputs_of(const Node& node) const {
  Names names;
  for (const Tensor& t : node.inputs) names.push_back(of(t));
  return names;
}

std::string Emitter::unique(const std::string& wanted) {
  std::string name = prefix_ + wanted;
  while (!names_.insert(name).second) {
    name = fmt::format("{}{}_{}", prefix_, wanted, counts_[wanted]++);
  }
  return name;
}

Names Emitter::add(std::string_view type, Names inputs, const NodeAttrs& attrs, size_t outputs) {
  auto& node = *graph.add_node();
  node.set_op_type(std::string(type));
  node.set_name(unique(fmt::format("{}_{}", type, counts_[std::string(type)]++)));
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  for (const std::string& name : inputs) node.add_input(name);
  for (const auto& [name, value] : attrs) set_attribute(*node.add_attribute(), name, value);
  Names names;
  for (size_t i = 0; i < outputs; ++i) {
    names.push_back(i == 0 ? node.name() : fmt::format("{}:{}", node.name(), i));
    node.add_output(names.back());
  }
  return names;
}

DType Emitter::computed_in(DType dtype, DTypes dtypes, std::string_view type) const {
  if (dtypes & set_of(dtype)) return dtype;
  constexpr DType kWider[] = {DType::f32, DType::f64, DType::i32, DType::i64};
  const bool has_wide_range = dtype == DType::u64 || dtype == DType::f64;
  for (const DType wider : kWider) {
    const bool holds = size_of(wider) > size_of(dtype) && is_float(wider) == is_float(dtype);
    if (!has_wide_range && holds && is_arithmetic(dtype) && (dtypes & set_of(wider))) return wider;
  }
  fail(ErrorCode::kUnsupported, "export", "{} does not take {} in ONNX", type, name(dtype));
}

Names Emitter::typed(const Node& node, std::string_view type, DTypes dtypes, const NodeAttrs& attrs,
                     const Names& more) {
  const DType given = node.inputs.at(0).dtype();
  const DType used = computed_in(given, dtypes, type);
  Names inputs;
  for (const Tensor& t : node.inputs) {
    const bool same = t && t.dtype() == given;
    inputs.push_back(same ? cast(of(t), given, used) : of(t));
  }
  inputs.insert(inputs.end(), more.begin(), more.end());
  Names outputs = add(type, std::move(inputs), attrs, node.types.size());
  const bool gives_bool = node.op->row && node.op->row->gives_bool;
  for (size_t i = 0; i < outputs.size() && !gives_bool; ++i) {
    if (node.types[i].dtype == given) outputs[i] = cast(outputs[i], used, given);
  }
  return outputs;
}

std::string Emitter::number(double value, DType dtype) {
  std::string name = constant(evaluate(full(value, {}, dtype), reference_backend()));
  numbers[name] = value;
  return name;
}

std::string Emitter::scalar(int64_t value) {
  return constant(Array::of(std::span<const int64_t>(&value, 1), {}));
}

std::string Emitter::cast(const std::string& x, DType from, DType to) {
  if (from == to || x.empty()) return x;
  return one("Cast", {x}, {{"to", int64_t{type_code(to)}}});
}

std::string Emitter::reshape(const std::string& x, const Shape& shape) {
  NodeAttrs attrs;
  if (shape.numel() == 0) attrs.emplace_back("allowzero", 1);
  return one("Reshape", {x, sizes(shape)}, attrs);
}

std::string Emitter::filled(double value, const Shape& shape, DType dtype) {
  if (value != 0 && value != 1) return one("Expand", {number(value, dtype), sizes(shape)});
  type_code(dtype);
  const DType stored = dtype == DType::bf16 && opset_ < 20 ? DType::f32 : dtype;
  const Array one_value = evaluate(full(value, {1}, stored), reference_backend());
  return cast(one("ConstantOfShape", {sizes(shape)}, {{"value", one_value}}), stored, dtype);
}

std::string Emitter::initializer(const std::string& wanted, const Array& array) {
  type_code(array.dtype);
  initializers.push_back({unique(wanted), array});
  return initializers.back().name;
}

int Emitter::type_code(DType dtype) const {
  need(opset_of(dtype), name(dtype));
  return onnx_of_dtype(dtype);
}

void Emitter::describe(::onnx::ValueInfoProto& info, const std::string& name,
                       const Type& type) const {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type_code(type.dtype));
  tensor.mutable_shape();
  for (const int64_t size : type.shape) tensor.mutable_shape()->add_dim()->set_dim_value(size);
}

}  // namespace suan::onnx
