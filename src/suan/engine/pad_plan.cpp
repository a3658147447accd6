// Settling pad rules for a model.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/internal/pad_plan.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/base/nearest.h"

namespace suan {
namespace {

int64_t& at(std::vector<Type>& types, const AxisOf& place) {
  return types[static_cast<size_t>(place.tensor)].shape[place.axis];
}
int64_t at(std::span<const Type> types, const AxisOf& place) {
  return types[static_cast<size_t>(place.tensor)].shape[place.axis];
}

std::vector<std::string> symbols_of(const std::vector<onnx::Argument>& inputs) {
  std::vector<std::string> names;
  for (const onnx::Argument& input : inputs) {
    for (int64_t size : input.shape) {
      if (size >= 0) continue;
      const std::string name = symbol_name(size);
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

std::vector<AxisOf> places_of(const std::string& symbol,
                              const std::vector<onnx::Argument>& inputs) {
  std::vector<AxisOf> places;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape& shape = inputs[i].shape;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] < 0 && symbol_name(shape[axis]) == symbol) {
        places.push_back({static_cast<int>(i), axis});
      }
    }
  }
  return places;
}

PadAxis axis_of(const PadRule& rule, const std::vector<onnx::Argument>& inputs) {
  PadAxis axis{.rule = rule};
  for (const std::string& symbol : rule.symbols) {
    const auto places = places_of(symbol, inputs);
    if (places.empty()) {
      fail("pad", "{}", unknown_name("open size", symbol, symbols_of(inputs)));
    }
    axis.inputs.insert(axis.inputs.end(), places.begin(), places.end());
  }
  if (rule.mask.empty()) return axis;
  const auto mask = static_cast<int>(index_of(inputs, rule.mask, "pad"));
  if (std::none_of(axis.inputs.begin(), axis.inputs.end(),
                   [&](const AxisOf& place) { return place.tensor == mask; })) {
    fail("pad", "the mask '{}' has no size '{}'", rule.mask, axis.name());
  }
  return axis;
}

// The open size that all inputs have first and nowhere else; empty: there is none.
std::string batch_symbol(const std::vector<onnx::Argument>& inputs) {
  if (inputs.empty() || inputs[0].shape.empty() || inputs[0].shape[0] >= 0) return {};
  const std::string symbol = symbol_name(inputs[0].shape[0]);
  const auto places = places_of(symbol, inputs);
  const bool first = std::all_of(places.begin(), places.end(),
                                 [](const AxisOf& place) { return place.axis == 0; });
  return first && places.size() == inputs.size() ? symbol : "";
}

// The axis of an output whose size is that of the padded axis in both graphs, -1 where the types
// are the same, -2 where it is anything else.
int changed_axis(const Type& a, const Type& b, int64_t size_a, int64_t size_b) {
  if (a == b) return -1;
  if (a.shape.rank() != b.shape.rank()) return -2;
  int changed = -1;
  for (int axis = 0; axis < a.shape.rank(); ++axis) {
    if (a.shape[axis] == b.shape[axis]) continue;
    if (changed >= 0 || a.shape[axis] != size_a || b.shape[axis] != size_b) return -2;
    changed = axis;
  }
  return changed;
}

// Fills in the axis' outputs; not empty: what is wrong. The graphs have it `size_a` and `size_b`
// long.
std::string find_outputs(PadAxis& axis, const Graph& a, const Graph& b, int64_t size_a,
                         int64_t size_b) {
  if (axis.rule.mask.empty()) {
    Independence found = prove_independent(a, b, axis.inputs);
    axis.outputs = std::move(found.outputs);
    return found.fault;
  }
  axis.outputs.clear();
  if (a.outputs.size() != b.outputs.size()) return "another size gives other outputs";
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    const Type &x = a.outputs[i].type(), &y = b.outputs[i].type();
    axis.outputs.push_back(changed_axis(x, y, size_a, size_b));
    if (axis.outputs.back() != -2) continue;
    return fmt::format("output {} is {} for {} = {} and {} for {}", i, to_string(x), axis.name(),
                       size_a, to_string(y), size_b);
  }
  return "";
}

}  // namespace

bool PadAxis::agrees(std::span<const Type> types) const {
  return std::all_of(inputs.begin(), inputs.end(),
                     [&](const AxisOf& place) { return at(types, place) == at(types, inputs[0]); });
}

int64_t PadAxis::size(std::span<const Type> types) const {
  const int64_t size = at(types, inputs[0]);
  for (const AxisOf& place : inputs) {
    if (at(types, place) == size) continue;
    fail("input", "the inputs have sizes {} and {} for '{}', expected one", size, at(types, place),
         name());
  }
  if (rule.bound && size > rule.bound) {
    fail("input", "'{}' is {}, expected at most its bound {}", name(), size, rule.bound);
  }
  return size;
}

int64_t PadAxis::bucket(std::span<const Type> types) const {
  const int64_t exact = size(types), bucket = settled ? bucket_of(exact) : exact;
  return rule.bound ? std::min(bucket, rule.bound) : bucket;
}

PadPlan::PadPlan(const std::vector<PadRule>& rules, const std::vector<onnx::Argument>& inputs,
                 bool batch)
    : inputs_(inputs) {
  std::string first = batch ? batch_symbol(inputs) : "";
  for (const PadRule& rule : rules) {
    axes_.push_back(axis_of(rule, inputs));
    for (const std::string& symbol : rule.symbols) {
      if (symbol == first) first.clear();
    }
  }
  if (first.empty()) return;
  axes_.push_back(axis_of({.symbols = {first}}, inputs));
  axes_.back().optional = true;
}

bool PadPlan::fits(std::span<const Type> types) const {
  if (types.size() != inputs_.size()) return false;
  for (size_t i = 0; i < types.size(); ++i) {
    if (inputs_[i].kind != TypeKind::tensor || !accepts(inputs_[i], types[i])) return false;
  }
  // Nobody has asked for the optional axis, so its sizes may be different ones that broadcast.
  return std::all_of(axes_.begin(), axes_.end(),
                     [&](const PadAxis& axis) { return !axis.optional || axis.agrees(types); });
}
bool PadPlan::settled(bool optional) const {
  return std::all_of(axes_.begin(), axes_.end(),
                     [&](const PadAxis& a) { return a.settled || a.optional != optional; });
}
void PadPlan::drop_optional() {
  std::erase_if(axes_, [](const PadAxis& axis) { return axis.optional; });
}

Sizes PadPlan::buckets(std::span<const Type> types) const {
  Sizes sizes;
  for (const PadAxis& axis : axes_) sizes.push_back(axis.bucket(types));
  return sizes;
}
Sizes PadPlan::largest(std::span<const Type> types) const {
  Sizes sizes = buckets(types);
  for (size_t i = 0; i < axes_.size(); ++i) {
    if (axes_[i].settled && axes_[i].rule.bound) sizes[i] = axes_[i].rule.bound;
  }
  return sizes;
}

std::vector<Type> PadPlan::bounds() const {
  std::vector<Type> types;
  for (const onnx::Argument& input : inputs_) {
    if (input.kind != TypeKind::tensor || !input.typed || !input.ranked) return {};
    types.emplace_back(input.dtype, input.shape);
  }
  bool bounded = false;
  for (const PadAxis& axis : axes_) {
    const int64_t size = axis.optional ? 1 : axis.rule.bound;
    bounded = bounded || axis.rule.bound > 0;
    for (const AxisOf& place : axis.inputs) at(types, place) = size ? size : -1;
  }
  const bool open = std::any_of(types.begin(), types.end(),
                                [](const Type& type) { return !type.shape.is_concrete(); });
  return bounded && !open ? types : std::vector<Type>();
}

std::vector<Type> PadPlan::with(std::span<const Type> types, const Sizes& sizes) const {
  std::vector<Type> out(types.begin(), types.end());
  for (size_t i = 0; i < axes_.size(); ++i) {
    for (const AxisOf& place : axes_[i].inputs) at(out, place) = sizes[i];
  }
  return out;
}

bool PadPlan::serves(std::span<const Type> larger, std::span<const Type> types,
                     double& padding) const {
  if (larger.size() != types.size()) return false;
  padding = 1;
  for (size_t i = 0; i < types.size(); ++i) {
    const Shape &x = larger[i].shape, &y = types[i].shape;
    if (larger[i].dtype != types[i].dtype || x.rank() != y.rank()) return false;
    for (int axis = 0; axis < x.rank(); ++axis) {
      if (x[axis] == y[axis]) continue;
      const bool padded = std::any_of(axes_.begin(), axes_.end(), [&](const PadAxis& a) {
        return a.settled && std::any_of(a.inputs.begin(), a.inputs.end(), [&](const AxisOf& p) {
                 return p.tensor == static_cast<int>(i) && p.axis == axis;
               });
      });
      if (!padded || x[axis] < y[axis]) return false;
    }
  }
  for (const PadAxis& axis : axes_) {
    const int64_t size = at(larger, axis.inputs[0]);
    for (const AxisOf& place : axis.inputs) {
      if (at(larger, place) != size) return false;
    }
    padding *=
        static_cast<double>(size) / static_cast<double>(std::max<int64_t>(1, axis.size(types)));
  }
  return true;
}

bool PadPlan::is_bucket(std::span<const Type> larger, std::span<const Type> types) const {
  return std::all_of(axes_.begin(), axes_.end(), [&](const PadAxis& axis) {
    return at(larger, axis.inputs[0]) == axis.bucket(types);
  });
}

void PadPlan::settle(std::span<const Type> types, const Trace& trace, bool optional) {
  constexpr int64_t kLeast = 2;  // a size of 1 is not told from an axis that broadcasts
  Sizes sizes = buckets(types);
  for (size_t i = 0; i < axes_.size(); ++i) {
    if (axes_[i].settled || axes_[i].optional != optional) continue;
    sizes[i] = std::max(kLeast, axes_[i].rule.bound ? axes_[i].rule.bound : sizes[i]);
  }
  const onnx::Specialised base = trace(with(types, sizes));
  for (size_t i = 0; i < axes_.size(); ++i) {
    PadAxis& axis = axes_[i];
    if (axis.settled || axis.optional != optional) continue;
    Sizes others = sizes;
    others[i] += sizes[i] > kLeast ? -1 : 1;
    const onnx::Specialised other = trace(with(types, others));
    const std::string fault = find_outputs(axis, base.graph, other.graph, sizes[i], others[i]);
    if (!fault.empty()) {
      fail(ErrorCode::kUnsupported, "pad", "'{}' cannot be padded{}: {}", axis.name(),
           axis.rule.mask.empty() ? " without a mask" : "", fault);
    }
    axis.settled = true;
  }
}

void PadPlan::check(std::span<const Type> types, std::span<const Type> results) const {
  for (const PadAxis& axis : axes_) {
    if (!axis.settled) continue;
    const int64_t size = std::max<int64_t>(1, axis.size(types));
    for (size_t i = 0; i < results.size(); ++i) {
      const int at = axis.outputs[i];
      if (at < 0) continue;
      const int64_t got = at < results[i].shape.rank() ? results[i].shape[at] : 0;
      const bool alone = std::none_of(axes_.begin(), axes_.end(), [&](const PadAxis& a) {
        return &a != &axis && a.settled && a.outputs[i] == at;
      });
      if (alone && (axis.rule.mask.empty() ? got % size == 0 : got == size)) continue;
      fail(ErrorCode::kUnsupported, "pad", "'{}' cannot be padded: output {} is {}", axis.name(), i,
           to_string(results[i]));
    }
  }
}

Shape PadPlan::cut(size_t output, const Type& result, std::span<const Type> larger,
                   std::span<const Type> types) const {
  Shape shape = result.shape;
  for (const PadAxis& axis : axes_) {
    if (!axis.settled || axis.outputs[output] < 0) continue;
    int64_t& size = shape[axis.outputs[output]];
    size = size / at(larger, axis.inputs[0]) * at(types, axis.inputs[0]);
  }
  return shape;
}

}  // namespace suan
