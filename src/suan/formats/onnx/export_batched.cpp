// Models for any batch size: a function is traced for several, and the graphs are compared. Sizes
// and numbers that differ are computed from the batch size of an input.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include "suan/base/error.h"
#include "suan/formats/onnx/internal/emitted.h"

namespace suan::onnx {
namespace {

// Primes: no other size is likely to be a multiple of one, or equal to it.
constexpr int64_t kSizes[] = {211, 1009, 4001};
constexpr size_t kTraces = 3;
constexpr const char* kSymbol = "batch";

// v = slope * batch + offset.
struct Linear {
  int64_t slope = 0, offset = 0;
  bool operator==(const Linear&) const = default;
};
// Throws Error where the values are not on one line.
Linear line_through(const std::array<int64_t, kTraces>& v, const std::string& where) {
  const int64_t slope = (v[1] - v[0]) / (kSizes[1] - kSizes[0]);
  const Linear line{slope, v[0] - slope * kSizes[0]};
  for (size_t i = 0; i < kTraces; ++i) {
    if (line.slope * kSizes[i] + line.offset == v[i]) continue;
    fail(ErrorCode::kUnsupported, "export", "{}: {}, {} and {} for batches of {}, {} and {}", where,
         v[0], v[1], v[2], kSizes[0], kSizes[1], kSizes[2]);
  }
  return line;
}

// A number that follows from the batch size b: w = p + q u, with u = b or 1 / b; the number is w or
// 1 / w. Means have 1 / (n b), unbiased variances n b / (n b - 1).
struct Formula {
  bool of_inverse = false, inverted = false;
  double p = 0, q = 0;
};
std::optional<Formula> formula_of(const std::array<double, kTraces>& values) {
  constexpr double kRounding = 1e-9;
  for (const bool inverted : {false, true}) {
    for (const bool of_inverse : {true, false}) {
      std::array<double, kTraces> u{}, w{};
      for (size_t k = 0; k < kTraces; ++k) {
        u[k] = of_inverse ? 1 / static_cast<double>(kSizes[k]) : static_cast<double>(kSizes[k]);
        w[k] = inverted ? 1 / values[k] : values[k];
      }
      const double q = (w[1] - w[0]) / (u[1] - u[0]), p = w[0] - q * u[0];
      if (!(std::abs(p + q * u[2] - w[2]) <= kRounding * std::abs(w[2]))) continue;
      return Formula{of_inverse, inverted, std::abs(p) <= kRounding * std::abs(w[0]) ? 0 : p, q};
    }
  }
  return std::nullopt;
}

// An array with `each` positions along an axis for every sample: sample b has first + b * step.
struct PerSample {
  int axis = 0;
  int64_t each = 1;
  Array first, step;  // with `each` positions along the axis; a step of nothing: all are the same
};
using Arrays = std::array<const Array*, kTraces>;

// The one axis that grows with the batch size, and by how much for each sample.
std::optional<std::pair<int, int64_t>> growing_axis(const Arrays& arrays) {
  const Shape& shape = arrays[0]->shape;
  int axis = -1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (arrays[1]->shape[i] == shape[i]) continue;
    if (axis >= 0) return std::nullopt;
    axis = i;
  }
  if (axis < 0 || shape[axis] % kSizes[0] != 0) return std::nullopt;
  const int64_t each = shape[axis] / kSizes[0];
  for (size_t k = 0; k < kTraces; ++k) {
    Shape expected = shape;
    expected[axis] = each * kSizes[k];
    if (!(arrays[k]->shape == expected)) return std::nullopt;
  }
  return std::pair{axis, each};
}

// Sample b of a trace's array.
Array sample_of(const Array& array, int axis, int64_t each, int64_t b) {
  Shape shape = array.shape;
  shape[axis] = each;
  Array part(array.dtype, shape);
  const size_t row =
      size_of(array.dtype) * static_cast<size_t>(each * shape.numel(axis + 1, shape.rank()));
  const int64_t outer = shape.numel(0, axis), samples = array.shape[axis] / each;
  for (int64_t o = 0; o < outer; ++o) {
    std::memcpy(part.as<char>() + static_cast<size_t>(o) * row,
                array.as<char>() + static_cast<size_t>(o * samples + b) * row, row);
  }
  return part;
}
bool same_bytes(const Array& a, const Array& b) {
  return std::memcmp(a.as<char>(), b.as<char>(), a.bytes()) == 0;
}

std::optional<PerSample> per_sample(const Arrays& arrays) {
  const auto growth = growing_axis(arrays);
  if (!growth || arrays[0]->bytes() == 0) return std::nullopt;
  PerSample found{.axis = growth->first, .each = growth->second};
  const auto sample = [&](size_t k, int64_t b) {
    return sample_of(*arrays[k], found.axis, found.each, b);
  };
  found.first = sample(0, 0);
  const Array second = sample(0, 1);
  if (!same_bytes(found.first, second)) {
    if (second.dtype != DType::i64) return std::nullopt;
    found.step = second;
    for (int64_t i = 0; i < second.numel(); ++i) {
      found.step.as<int64_t>()[i] -= found.first.as<int64_t>()[i];
    }
  }
  for (size_t k = 0; k < kTraces; ++k) {
    for (int64_t b = 0; b < kSizes[k]; ++b) {
      Array wanted = sample_of(found.first, found.axis, found.each, 0);
      for (int64_t i = 0; found.step.buffer && i < wanted.numel(); ++i) {
        wanted.as<int64_t>()[i] += b * found.step.as<int64_t>()[i];
      }
      if (!same_bytes(wanted, sample(k, b))) return std::nullopt;
    }
  }
  return found;
}

class Merger {
 public:
  explicit Merger(const std::vector<Emitted>& traced)
      : traced_(traced), result_(traced[0]), e_(traced[0].opset, "batch/") {}

  Emitted run() {
    compare_nodes();
    find_batch();
    formats::NamedArrays kept;
    for (size_t i = 0; i < result_.initializers.size(); ++i) {
      if (is_same(i)) kept.push_back(result_.initializers[i]);
    }
    for (int i = 0; i < result_.graph.input_size(); ++i) {
      name_sizes(*result_.graph.mutable_input(i), [i](const auto& g) { return g.input(i); });
    }
    for (int i = 0; i < result_.graph.output_size(); ++i) {
      name_sizes(*result_.graph.mutable_output(i), [i](const auto& g) { return g.output(i); });
    }
    kept.insert(kept.end(), e_.initializers.begin(), e_.initializers.end());
    for (const auto& node : result_.graph.node()) *e_.graph.add_node() = node;
    result_.graph.mutable_node()->Swap(e_.graph.mutable_node());
    result_.initializers = std::move(kept);
    return std::move(result_);
  }

 private:
  [[noreturn]] static void differ(const std::string& where, const char* what) {
    fail(ErrorCode::kUnsupported, "export",
         "{}: {} with the batch size, in a way that the model cannot follow", where, what);
  }

  void compare_nodes() const {
    for (const Emitted& other : traced_) {
      const auto &a = traced_[0].graph, &b = other.graph;
      if (a.node_size() != b.node_size() || a.input_size() != b.input_size() ||
          other.initializers.size() != traced_[0].initializers.size()) {
        differ("graph", "the number of nodes changes");
      }
      for (int i = 0; i < a.node_size(); ++i) {
        if (a.node(i).SerializeAsString() == b.node(i).SerializeAsString()) continue;
        differ(fmt::format("node '{}'", a.node(i).name()), "it or an attribute changes");
      }
    }
  }

  // Whether an initializer is one for all batch sizes; else nodes are made that compute it.
  bool is_same(size_t i) {
    const std::string& name = result_.initializers[i].name;
    const auto number = traced_[0].numbers.find(name);
    if (number != traced_[0].numbers.end() && is_float(result_.initializers[i].array.dtype)) {
      if (is_same_number(name)) return true;
      compute_number(name, result_.initializers[i].array.dtype);
    } else {
      if (grows(i)) {
        compute_samples(i);
      } else {
        if (is_same_array(i)) return true;
        compute_integers(i);
      }
    }
    // What was computed last is what the nodes of the graph read by this name.
    e_.graph.mutable_node(e_.graph.node_size() - 1)->set_output(0, name);
    return false;
  }

  bool is_same_number(const std::string& name) const {
    const double value = traced_[0].numbers.at(name);
    return std::ranges::all_of(traced_, [&](const Emitted& other) {
      const double v = other.numbers.at(name);
      return v == value || (std::isnan(v) && std::isnan(value));
    });
  }
  bool is_same_array(size_t i) const {
    const Array& a = traced_[0].initializers[i].array;
    return std::ranges::all_of(
        traced_, [&](const Emitted& other) { return same_bytes(a, other.initializers[i].array); });
  }
  bool grows(size_t i) const {
    const Array& a = traced_[0].initializers[i].array;
    bool same = true;
    for (const Emitted& other : traced_) {
      const Array& b = other.initializers[i].array;
      if (b.dtype != a.dtype || b.shape.rank() != a.shape.rank()) {
        differ(reader_of(traced_[0].initializers[i].name),
               "the dtype or rank of a constant changes");
      }
      same = same && b.shape == a.shape;
    }
    return !same;
  }

  // first + (0, 1, ..., batch - 1) * step along an axis of its own, which then joins its neighbour.
  void compute_samples(size_t i) {
    const auto found =
        per_sample({&traced_[0].initializers[i].array, &traced_[1].initializers[i].array,
                    &traced_[2].initializers[i].array});
    if (!found) {
      differ(reader_of(traced_[0].initializers[i].name), "the size of a constant changes");
    }
    Shape joined = found->first.shape, parted = joined;
    parted.insert(found->axis, 1);
    joined[found->axis] = -1;
    const auto each = [&](const Array& array) {
      return e_.constant(Array{array.dtype, parted, array.buffer});
    };
    std::string y;
    if (found->step.buffer) {
      Shape along = Shape::filled(parted.rank(), 1);
      along[found->axis] = -1;
      const std::string samples = e_.one("Range", {e_.scalar(0), batch(), e_.scalar(1)});
      const std::string steps = e_.one("Mul", {e_.reshape(samples, along), each(found->step)});
      y = e_.one("Add", {steps, each(found->first)});
    } else {
      Shape slope = Shape::filled(parted.rank(), 0), offset = parted;
      slope[found->axis] = 1;
      offset[found->axis] = 0;
      const std::string sizes =
          e_.one("Add", {e_.one("Mul", {batch(), e_.sizes(slope)}), e_.sizes(offset)});
      y = e_.one("Expand", {each(found->first), sizes});
    }
    e_.reshape(y, joined);
  }

  std::string reader_of(const std::string& constant) const {
    for (const auto& node : result_.graph.node()) {
      const auto& inputs = node.input();
      if (std::find(inputs.begin(), inputs.end(), constant) != inputs.end()) {
        return fmt::format("node '{}'", node.name());
      }
    }
    return fmt::format("'{}'", constant);
  }

  // slope * batch + offset, element by element.
  void compute_integers(size_t i) {
    const auto at = [&](size_t k) -> const Array& { return traced_[k].initializers[i].array; };
    const std::string where = reader_of(traced_[0].initializers[i].name);
    if (at(0).dtype != DType::i64) differ(where, "a constant changes");
    Array slope(DType::i64, at(0).shape), offset(DType::i64, at(0).shape);
    bool shifted = false;
    for (int64_t j = 0; j < slope.numel(); ++j) {
      std::array<int64_t, kTraces> v{};
      for (size_t k = 0; k < kTraces; ++k) v[k] = at(k).as<int64_t>()[j];
      const Linear line = line_through(v, where);
      slope.as<int64_t>()[j] = line.slope;
      offset.as<int64_t>()[j] = line.offset;
      shifted = shifted || line.offset != 0;
    }
    const std::string y = e_.one("Mul", {batch(), e_.constant(slope)});
    if (shifted) e_.one("Add", {y, e_.constant(offset)});
  }

  void compute_number(const std::string& name, DType dtype) {
    std::array<double, kTraces> values{};
    for (size_t k = 0; k < kTraces; ++k) values[k] = traced_[k].numbers.at(name);
    const auto formula = formula_of(values);
    if (!formula) differ(reader_of(name), "a number changes");
    const auto number = [&](double v) { return e_.number(v, DType::f64); };
    std::string y = e_.cast(batch(), DType::i64, DType::f64);
    y = e_.one(formula->of_inverse ? "Div" : "Mul",
               formula->of_inverse ? Names{number(formula->q), y} : Names{y, number(formula->q)});
    if (formula->p != 0) y = e_.one("Add", {y, number(formula->p)});
    if (formula->inverted) y = e_.one("Div", {number(1), y});
    e_.cast(y, DType::f64, dtype);
  }

  static std::array<int64_t, kTraces> sizes_at(
      int axis, const std::array<::onnx::ValueInfoProto, kTraces>& info) {
    std::array<int64_t, kTraces> v{};
    for (size_t k = 0; k < kTraces; ++k) {
      v[k] = info[k].type().tensor_type().shape().dim(axis).dim_value();
    }
    return v;
  }
  template <class Get>
  std::array<::onnx::ValueInfoProto, kTraces> infos(Get get) const {
    return {get(traced_[0].graph), get(traced_[1].graph), get(traced_[2].graph)};
  }

  template <class Get>
  void name_sizes(::onnx::ValueInfoProto& to, Get get) const {
    const auto all = infos(get);
    auto& shape = *to.mutable_type()->mutable_tensor_type()->mutable_shape();
    for (int axis = 0; axis < shape.dim_size(); ++axis) {
      const Linear line = line_through(sizes_at(axis, all), fmt::format("'{}'", to.name()));
      if (line.slope == 0) continue;
      std::string text = line.slope == 1 ? kSymbol : fmt::format("{}*{}", line.slope, kSymbol);
      if (line.offset != 0) text += fmt::format("+{}", line.offset);
      shape.mutable_dim(axis)->set_dim_param(text);
    }
  }

  // Where an input has the batch size.
  void find_batch() {
    for (int i = 0; i < result_.graph.input_size() && batch_input_.empty(); ++i) {
      const auto all = infos([i](const auto& g) { return g.input(i); });
      for (int axis = 0; axis < all[0].type().tensor_type().shape().dim_size(); ++axis) {
        if (!std::ranges::equal(sizes_at(axis, all), kSizes)) continue;
        batch_input_ = all[0].name();
        batch_axis_ = axis;
        break;
      }
    }
    if (batch_input_.empty()) fail("export", "no input has the batch size as one of its sizes");
  }

  // The batch size while the model runs, a scalar of i64.
  const std::string& batch() {
    if (batch_.empty()) {
      batch_ = e_.one("Gather", {e_.one("Shape", {batch_input_}), e_.scalar(batch_axis_)});
    }
    return batch_;
  }

  const std::vector<Emitted>& traced_;
  Emitted result_;
  Emitter e_;  // of the nodes that compute with the batch size
  std::string batch_input_, batch_;
  int64_t batch_axis_ = 0;
};

}  // namespace

ExportedModel export_batched(const std::function<Graph(int64_t batch)>& trace,
                             const ExportOptions& options) {
  std::vector<Emitted> traced;
  for (const int64_t size : kSizes) traced.push_back(emit(trace(size), options));
  return finish(Merger(traced).run(), options);
}

}  // namespace suan::onnx
