// Sequences and optionals.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/concat.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

// A position in a sequence of n elements; negative ones count from the back.
size_t position(const NodeView& n, int64_t at, size_t size, bool may_end) {
  const auto count = static_cast<int64_t>(size);
  const int64_t from_front = at < 0 ? at + count : at;
  if (from_front < 0 || from_front > count || (from_front == count && !may_end)) {
    n.fail("position {} is out of range for a sequence of {}", at, count);
  }
  return static_cast<size_t>(from_front);
}

Outputs construct(const NodeView& n) { return {Value::sequence(n.inputs)}; }
Outputs empty(const NodeView&) { return {Value::sequence({})}; }
Outputs at(const NodeView& n) {
  const auto& items = n.sequence(0);
  return {items[position(n, n.known_int(1), items.size(), false)]};
}
Outputs erase(const NodeView& n) {
  std::vector<Value> items = n.sequence(0);
  if (items.empty()) n.fail("the sequence is empty");
  const size_t where =
      n.has(1) ? position(n, n.known_int(1), items.size(), false) : items.size() - 1;
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(where));
  return {Value::sequence(std::move(items))};
}
Outputs insert(const NodeView& n) {
  std::vector<Value> items = n.sequence(0);
  const size_t where = n.has(2) ? position(n, n.known_int(2), items.size(), true) : items.size();
  items.insert(items.begin() + static_cast<std::ptrdiff_t>(where), n.value(1));
  return {Value::sequence(std::move(items))};
}
Outputs length(const NodeView& n) {
  return {Tensor::of<int64_t>({static_cast<int64_t>(n.sequence(0).size())}, {})};
}

Outputs concat_from(const NodeView& n) {
  std::vector<Tensor> parts;
  for (const Value& item : n.sequence(0)) {
    if (!item.tensor) n.fail("the sequence holds {}, expected tensors", to_string(item));
    parts.push_back(item.tensor);
  }
  if (parts.empty()) n.fail("the sequence is empty");
  return {n.i("new_axis", 0) ? stack(parts, n.i("axis")) : concat(parts, n.i("axis"))};
}

Outputs split_to(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.i("axis", 0), x.rank());
  const int64_t size = x.shape()[axis];
  const bool each = !n.has(1);  // one element a part, without the axis unless it is to be kept
  std::vector<int64_t> sizes{1};
  if (!each) sizes = n.known_ints(1);
  const bool equal = each || n.in(1).rank() == 0;
  if (equal) {
    if (sizes.size() != 1 || sizes[0] < 1) n.fail("got a part of {}", sizes.empty() ? 0 : sizes[0]);
    const int64_t part = sizes[0];
    if (size / part > n.limits().nodes) n.fail("{} parts of {} are too many", part, size);
    sizes.clear();
    for (int64_t left = size; left > 0; left -= part) sizes.push_back(std::min(part, left));
  }
  std::vector<Value> items;
  int64_t start = 0;
  for (int64_t part : sizes) {
    if (part < 0 || part > size - start) n.fail("the parts do not add up to {}", size);
    const bool drop = each && !n.i("keepdims", 1);
    items.emplace_back(drop ? take(x, axis, start) : narrow(x, axis, start, start + part));
    start += part;
  }
  if (start != size) n.fail("the parts add up to {}, expected {}", start, size);
  return {Value::sequence(std::move(items))};
}

// The body is followed once for each element of the first sequence.
Outputs map(const NodeView& n) {
  const ::onnx::GraphProto& body = n.graph("body");
  const size_t count = n.sequence(0).size();
  std::vector<std::vector<Value>> results(static_cast<size_t>(body.output_size()));
  for (size_t i = 0; i < count; ++i) {
    std::vector<Value> arguments;
    for (int k = 0; k < n.count(); ++k) {
      const Value& value = n.value(k);
      if (value.kind == TypeKind::sequence && value.items.size() != count) {
        n.fail("input {} has {} elements, expected {}", k, value.items.size(), count);
      }
      arguments.push_back(value.kind == TypeKind::sequence ? value.items[i] : value);
    }
    std::vector<Value> values = n.follow(body, std::move(arguments));
    for (size_t k = 0; k < results.size(); ++k) results[k].push_back(std::move(values[k]));
  }
  Outputs outputs;
  for (auto& items : results) outputs.push_back(Value::sequence(std::move(items)));
  return outputs;
}

Outputs optional(const NodeView& n) {
  return {Value::optional(n.has(0) ? std::vector<Value>{n.value(0)} : std::vector<Value>())};
}
Outputs has_element(const NodeView& n) {
  const bool has = n.has(0) && (n.value(0).kind != TypeKind::optional || !n.value(0).items.empty());
  return {Tensor::of<bool>({has}, {})};
}
Outputs get_element(const NodeView& n) {
  const Value& value = n.value(0);
  if (value.kind != TypeKind::optional) return {value};
  if (value.items.empty()) n.fail("the optional is empty");
  return {value.items[0]};
}

constexpr OperatorRule kRules[] = {
    {"ConcatFromSequence", concat_from},
    {"Optional", optional},
    {"OptionalGetElement", get_element},
    {"OptionalHasElement", has_element},
    {"SequenceAt", at},
    {"SequenceConstruct", construct},
    {"SequenceEmpty", empty},
    {"SequenceErase", erase},
    {"SequenceInsert", insert},
    {"SequenceLength", length},
    {"SequenceMap", map},
    {"SplitToSequence", split_to},
};

}  // namespace

std::span<const OperatorRule> sequence_rules() { return kRules; }

}  // namespace suan::onnx
