// Operators that choose elements: by indices, by masks, by order. Those whose result's size depends
// on the data compute on known values. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/arange.h"
#include "suan/ops/argmax.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan::onnx {
namespace {

Outputs gather_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  return {gather(x, n.in(1), axis_of(n, n.i("axis", 0), x.rank()))};
}

Outputs gather_elements(const NodeView& n) {
  const Tensor& x = n.in(0);
  return {take_along_axis(x, n.in(1), axis_of(n, n.i("axis", 0), x.rank()))};
}

Combine combine_of(const NodeView& n) {
  constexpr std::string_view kNames[] = {"none", "add", "mul", "max", "min"};
  const std::string reduction = n.s("reduction", "none");
  const auto found = std::find(std::begin(kNames), std::end(kNames), reduction);
  if (found == std::end(kNames)) {
    n.fail("reduction '{}' is unknown, expected none, add, mul, max or min", reduction);
  }
  return static_cast<Combine>(found - std::begin(kNames));
}

Outputs scatter_elements(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.i("axis", 0), x.rank());
  return {put_along_axis(x, n.in(1), n.in(2), axis, combine_of(n))};
}

// The last axis of `indices` holds positions along axes [batch, batch + k) of x. Gives positions in
// x with those axes (and the batch axes before them) merged into one.
Tensor merged_positions(const NodeView& n, const Tensor& x, const Tensor& indices, int batch) {
  if (indices.shape().back() > x.rank() - batch) {
    n.fail("indices {} are too many for {}", to_string(indices.shape()), to_string(x.shape()));
  }
  const auto k = static_cast<int>(indices.shape().back());
  std::vector<int64_t> sizes(x.shape().begin() + batch, x.shape().begin() + batch + k), steps;
  for (int i = 0; i < k; ++i) steps.push_back(x.shape().numel(batch + i + 1, batch + k));
  const Tensor at = cast(indices, DType::i64);
  const Tensor from_front = select(less(at, 0.0), at + Tensor::from(Array::list(sizes)), at);
  // One position outside must not end up inside through the others.
  const Tensor outside = logical_or(less(from_front, 0.0),
                                    greater_equal(from_front, Tensor::from(Array::list(sizes))));
  const Tensor far = full(-static_cast<double>(INT32_MAX) * 1024, {}, DType::i64);
  Tensor position = sum(from_front * Tensor::from(Array::list(steps)), {-1});
  position = select(greater(max(cast(outside, DType::i64), {-1}), 0.0), far, position);
  if (batch == 0) return position;
  Shape lead = Shape::filled(position.rank(), 1);
  for (int i = 0; i < batch; ++i) lead[i] = x.shape()[i];
  const Tensor number = reshape(arange(lead.numel()), lead);
  return position + number * static_cast<double>(x.shape().numel(batch, batch + k));
}

Tensor merged(const Tensor& x, int axes) {
  Shape shape{x.shape().numel(0, axes)};
  for (int i = axes; i < x.rank(); ++i) shape.push_back(x.shape()[i]);
  return reshape(x, shape);
}

Outputs gather_nd(const NodeView& n) {
  const Tensor &x = n.in(0), &indices = n.in(1);
  const auto batch = static_cast<int>(n.i("batch_dims", 0));
  if (indices.rank() < 1 || batch < 0 || batch >= indices.rank() ||
      batch >= std::max(x.rank(), 1)) {
    n.fail("got {}, indices {} and batch_dims {}", to_string(x.shape()), to_string(indices.shape()),
           batch);
  }
  for (int i = 0; i < batch; ++i) {
    if (x.shape()[i] != indices.shape()[i]) n.fail("the batch axes differ");
  }
  const int k = static_cast<int>(indices.shape().back());
  const Tensor positions = merged_positions(n, x, indices, batch);
  return {gather(merged(x, batch + k), positions, 0)};
}

Outputs scatter_nd(const NodeView& n) {
  const Tensor &x = n.in(0), &indices = n.in(1), &updates = n.in(2);
  if (indices.rank() < 1) n.fail("indices have no axis");
  const int k = static_cast<int>(indices.shape().back());
  const Tensor positions = merged_positions(n, x, indices, 0);
  return {reshape(scatter(merged(x, k), positions, updates, 0, combine_of(n)), x.shape())};
}

// New keys or values written into a cache, each sample's from a position of its own on.
Outputs tensor_scatter(const NodeView& n) {
  const Tensor &past = n.in(0), &update = n.in(1);
  const int axis = axis_of(n, n.i("axis", -2), past.rank());
  Shape wanted = past.shape();
  const int64_t most = wanted[axis],
                count = update.rank() == past.rank() ? update.shape()[axis] : 0;
  wanted[axis] = count;
  if (axis == 0 || !(update.shape() == wanted) || count > most) {
    n.fail("got the cache {}, the update {} and axis {}", to_string(past.shape()),
           to_string(update.shape()), axis);
  }
  const std::string mode = n.s("mode", "linear");
  if (mode != "linear" && mode != "circular") {
    n.fail("mode '{}' is unknown, expected linear or circular", mode);
  }
  Tensor at = arange(count);
  if (n.has(2)) {
    const Tensor& start = n.in(2);
    if (!(start.shape() == Shape{past.shape()[0]})) {
      n.fail("write indices are {}, expected [{}]", to_string(start.shape()), past.shape()[0]);
    }
    at = reshape(cast(start, DType::i64), {past.shape()[0], 1}) + at;
  }
  if (mode == "circular") at = mod(at, static_cast<double>(std::max<int64_t>(most, 1)));
  // A position before the first is not one counted from the back.
  at = select(less(at, 0.0), static_cast<double>(INT32_MIN) * 1024, at);
  Shape along = Shape::filled(past.rank(), 1);
  if (n.has(2)) along[0] = past.shape()[0];
  along[axis] = count;
  at = broadcast_to(reshape(at, along), wanted);
  return {put_along_axis(past, at, update, axis, Combine::set)};
}

Outputs one_hot_rule(const NodeView& n) {
  const Tensor &indices = n.in(0), &values = n.in(2);
  const double given = n.known_number(1);
  if (!(given >= 0 && given < 1e9)) n.fail("the depth is {}", given);
  const auto depth = static_cast<int64_t>(given);
  if (values.shape().numel() != 2) n.fail("values are {}, expected two", to_string(values.shape()));
  const Tensor at = cast(indices, DType::i64);
  const Tensor from_front = select(less(at, 0.0), at + static_cast<double>(depth), at);
  const Tensor hot = one_hot(from_front, depth, n.i("axis", -1), DType::boolean);
  const Tensor pair = reshape(values, {2});
  const auto element = [&](int64_t i) {
    return reshape(gather(pair, Tensor::of<int64_t>({i}, {1})), {});
  };
  return {select(hot, element(1), element(0))};
}

Outputs hardmax(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.i("axis", n.opset >= 13 ? -1 : 1), std::max(x.rank(), 1));
  if (n.opset >= 13) return {one_hot(argmax(x, axis), x.shape()[axis], axis, x.dtype())};
  const int64_t rows = x.shape().numel(0, axis), columns = x.shape().numel(axis, x.rank());
  const Tensor flat = argmax(reshape(x, {rows, columns}), 1);
  return {reshape(one_hot(flat, columns, 1, x.dtype()), x.shape())};
}

// Sequences along one axis, each turned round up to its own length.
Outputs reverse_sequence(const NodeView& n) {
  const Tensor &x = n.in(0), lengths = cast(n.in(1), DType::i64);
  const int batch = axis_of(n, n.i("batch_axis", 1), x.rank());
  const int time = axis_of(n, n.i("time_axis", 0), x.rank());
  if (batch == time || lengths.rank() != 1 || lengths.shape()[0] != x.shape()[batch]) {
    n.fail("got {} and lengths {}", to_string(x.shape()), to_string(lengths.shape()));
  }
  Shape along = Shape::filled(x.rank(), 1), across = along;
  along[time] = x.shape()[time];
  across[batch] = x.shape()[batch];
  const Tensor step = reshape(arange(x.shape()[time]), along), length = reshape(lengths, across);
  const Tensor position = select(less(step, length), length - 1.0 - step, step);
  return {take_along_axis(x, broadcast_to(position, x.shape()), time)};
}

// Positions of elements that are not zero, one column each: [rank, count].
Outputs non_zero(const NodeView& n) {
  const Array x = n.known(0);
  std::vector<int64_t> found;
  visit(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < x.numel(); ++i) {
      if (static_cast<double>(x.as<T>()[i]) != 0) found.push_back(i);
    }
  });
  const auto count = static_cast<int64_t>(found.size());
  Array y(DType::i64, {x.shape.rank(), count});
  const Shape strides = x.shape.strides();
  for (int a = 0; a < x.shape.rank(); ++a) {
    for (int64_t i = 0; i < count; ++i) {
      y.as<int64_t>()[a * count + i] = found[static_cast<size_t>(i)] / strides[a] % x.shape[a];
    }
  }
  return {NodeView::constant(y)};
}

Outputs compress(const NodeView& n) {
  Tensor x = n.in(0);
  int axis = 0;
  if (n.has_attr("axis")) {
    axis = axis_of(n, n.i("axis"), x.rank());
  } else {
    x = reshape(x, {x.shape().numel()});
  }
  const std::vector<int64_t> condition = n.known_ints(1);
  if (static_cast<int64_t>(condition.size()) > x.shape()[axis]) {
    n.fail("the condition has {} elements, expected at most {}", condition.size(), x.shape()[axis]);
  }
  std::vector<int64_t> kept;
  for (size_t i = 0; i < condition.size(); ++i) {
    if (condition[i]) kept.push_back(static_cast<int64_t>(i));
  }
  return {gather(x, Tensor::from(Array::list(kept)), axis)};
}

// Slices along an axis compared as rows of bytes would not order numbers: they compare as values.
template <class T>
std::vector<int64_t> order_of_rows(const T* rows, int64_t count, int64_t width) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return std::lexicographical_compare(rows + a * width, rows + (a + 1) * width, rows + b * width,
                                        rows + (b + 1) * width);
  });
  return order;
}

Outputs unique(const NodeView& n) {
  Tensor x = n.in(0);
  const bool whole = !n.has_attr("axis");
  const int axis = whole ? 0 : axis_of(n, n.i("axis"), x.rank());
  n.known(0);  // must be
  std::vector<int64_t> axes(static_cast<size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  if (!whole) std::rotate(axes.begin(), axes.begin() + axis, axes.begin() + axis + 1);
  const Tensor rows = whole ? reshape(x, {x.shape().numel()}) : transpose(x, axes);
  const Array data = rows.array();
  const int64_t count = data.shape[0], width = count ? data.numel() / count : 0;
  // Slices of no elements may be many and take no memory; their numbers do.
  if (count > static_cast<int64_t>(n.limits().value_bytes / sizeof(int64_t))) {
    n.fail("{} slices of {} are too many", count, to_string(x.shape()));
  }
  std::vector<int64_t> first, inverse(static_cast<size_t>(count)), counts;
  visit(data.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* p = data.as<T>();
    for (int64_t i : order_of_rows(p, count, width)) {
      const bool same = !first.empty() &&
                        std::equal(p + i * width, p + (i + 1) * width, p + first.back() * width);
      if (!same) {
        first.push_back(i);
        counts.push_back(0);
      }
      ++counts.back();
      inverse[static_cast<size_t>(i)] = static_cast<int64_t>(first.size()) - 1;
    }
  });
  if (!n.i("sorted", 1)) {  // in the order of their first appearance
    std::vector<int64_t> order(first.size()), rank(first.size()), f, c;
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return first[static_cast<size_t>(a)] < first[static_cast<size_t>(b)];
    });
    for (size_t i = 0; i < order.size(); ++i) {
      rank[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
      f.push_back(first[static_cast<size_t>(order[i])]);
      c.push_back(counts[static_cast<size_t>(order[i])]);
    }
    first = f;
    counts = c;
    for (int64_t& i : inverse) i = rank[static_cast<size_t>(i)];
  }
  const Tensor source = whole ? rows : x;
  return {gather(source, Tensor::from(Array::list(first)), axis), Tensor::from(Array::list(first)),
          Tensor::from(Array::list(inverse)), Tensor::from(Array::list(counts))};
}

constexpr OperatorRule kRules[] = {
    {"Compress", compress},
    {"Gather", gather_rule},
    {"GatherElements", gather_elements},
    {"GatherND", gather_nd},
    {"Hardmax", hardmax},
    {"NonZero", non_zero},
    {"OneHot", one_hot_rule},
    {"ReverseSequence", reverse_sequence},
    {"Scatter", scatter_elements},
    {"ScatterElements", scatter_elements},
    {"ScatterND", scatter_nd},
    {"TensorScatter", tensor_scatter},
    {"Unique", unique},
};

}  // namespace

std::span<const OperatorRule> index_rules() { return kRules; }

}  // namespace suan::onnx
