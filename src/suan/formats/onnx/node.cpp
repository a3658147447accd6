// Access to the inputs and attributes of a node, with the checks every rule needs.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/node.h"

#include <bit>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/follower.h"

namespace suan::onnx {

using ::onnx::AttributeProto;

const Value& NodeView::value(int i) const {
  if (!has(i)) fail("input {} is missing", i);
  return inputs[static_cast<size_t>(i)];
}
const Tensor& NodeView::in(int i) const {
  const Value& v = value(i);
  if (v.kind == TypeKind::optional && v.items.size() == 1 && v.items[0].tensor) {
    return v.items[0].tensor;  // what an optional holds stands for itself
  }
  if (v.kind != TypeKind::tensor) fail("input {} is a {}, expected a tensor", i, to_string(v));
  return v.tensor;
}
const std::vector<Value>& NodeView::sequence(int i) const {
  const Value* v = &value(i);
  if (v->kind == TypeKind::optional && v->items.size() == 1) v = v->items.data();
  if (v->kind != TypeKind::sequence) fail("input {} is {}, expected a sequence", i, to_string(*v));
  return v->items;
}
std::vector<Tensor> NodeView::tensors(int first) const {
  std::vector<Tensor> out;
  for (int i = first; i < count(); ++i) out.push_back(in(i));
  return out;
}

bool NodeView::is_known(int i) const { return follower_.is_known(in(i)); }
Array NodeView::known(int i) const {
  return follower_.known_array(in(i), fmt::format("{}: input {}", proto_.op_type(), i));
}
Array NodeView::known(const Tensor& tensor) const {
  return follower_.known_array(tensor, proto_.op_type());
}
std::vector<double> NodeView::known_numbers(int i) const {
  const Array array = known(i);
  if (array.dtype == DType::string) fail("input {} is text, expected numbers", i);
  return array.to_vector<double>();
}
std::vector<int64_t> NodeView::known_ints(int i) const {
  const Array array = known(i);
  if (!is_integer(array.dtype) && array.dtype != DType::boolean) {
    fail("input {} is {}, expected integers", i, name(array.dtype));
  }
  return array.to_vector<int64_t>();
}
int64_t NodeView::known_int(int i) const {
  const std::vector<int64_t> values = known_ints(i);
  if (values.size() != 1) fail("input {} has {} elements, expected one", i, values.size());
  return values[0];
}
double NodeView::known_number(int i) const {
  const std::vector<double> values = known_numbers(i);
  if (values.size() != 1) fail("input {} has {} elements, expected one", i, values.size());
  return values[0];
}
std::string NodeView::known_text(int i) const {
  const Array array = known(i);
  if (array.dtype != DType::string || array.numel() != 1) fail("input {} is not one text", i);
  return std::string(text_of(*array.as<StringId>()));
}

const AttributeProto* NodeView::find(std::string_view name) const {
  for (const AttributeProto& attribute : proto_.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

namespace {
// The attribute if it is there; throws Error where it has another type than the rule expects.
const AttributeProto* typed(const NodeView& node, std::string_view name,
                            AttributeProto::AttributeType type) {
  const AttributeProto* found = node.find(name);
  if (found && found->type() != type && found->type() != AttributeProto::UNDEFINED) {
    node.fail("attribute '{}' is of type {}, expected {}", name, static_cast<int>(found->type()),
              static_cast<int>(type));
  }
  return found;
}
}  // namespace

int64_t NodeView::i(std::string_view name, int64_t otherwise) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::INT);
  return a ? a->i() : otherwise;
}
int64_t NodeView::i(std::string_view name) const {
  if (!has_attr(name)) fail("attribute '{}' is missing", name);
  return i(name, 0);
}
double NodeView::f(std::string_view name, double otherwise) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::FLOAT);
  return a ? static_cast<double>(a->f()) : otherwise;
}
std::string NodeView::s(std::string_view name, std::string_view otherwise) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::STRING);
  return a ? a->s() : std::string(otherwise);
}
std::vector<int64_t> NodeView::ints(std::string_view name, std::vector<int64_t> otherwise) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::INTS);
  return a ? std::vector<int64_t>(a->ints().begin(), a->ints().end()) : std::move(otherwise);
}
std::vector<double> NodeView::floats(std::string_view name) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::FLOATS);
  return a ? std::vector<double>(a->floats().begin(), a->floats().end()) : std::vector<double>();
}
std::vector<std::string> NodeView::strings(std::string_view name) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::STRINGS);
  return a ? std::vector<std::string>(a->strings().begin(), a->strings().end())
           : std::vector<std::string>();
}
Array NodeView::tensor(std::string_view name) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::TENSOR);
  if (!a) fail("attribute '{}' is missing", name);
  return read_tensor(a->t(), proto_.op_type());
}
const ::onnx::GraphProto& NodeView::graph(std::string_view name) const {
  const AttributeProto* a = typed(*this, name, AttributeProto::GRAPH);
  if (!a) fail("attribute '{}' is missing", name);
  return a->g();
}

std::vector<Value> NodeView::follow(const ::onnx::GraphProto& graph,
                                    std::vector<Value> arguments) const {
  return follower_.follow_graph(graph, follower_.scope(), std::move(arguments));
}
Value NodeView::follow_again(const std::map<std::string, Value>& given,
                             const std::string& wanted) const {
  return follower_.follow_again(given, wanted);
}
const Limits& NodeView::limits() const { return follower_.limits(); }

Tensor NodeView::random_key() const {
  if (!has_attr("seed")) return follower_.fresh_key();
  const auto seed = std::bit_cast<uint32_t>(static_cast<float>(f("seed", 0)));
  return Tensor::of<int64_t>({static_cast<int64_t>(seed), 0}, {2});
}

int axis_of(const NodeView& node, int64_t axis, int rank) {
  return normalize_axis(axis, rank, node.proto().op_type());
}

}  // namespace suan::onnx
