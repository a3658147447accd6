// Operators about shapes: asking for them, changing them, moving and repeating elements.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/arange.h"
#include "suan/ops/concat.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/pad.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/split.h"

namespace suan::onnx {
namespace {

Shape shape_of(const NodeView& n, const std::vector<int64_t>& sizes) {
  for (int64_t size : sizes) {
    if (size < 0) n.fail("got the size {}, expected at least 0", size);
  }
  return Shape(std::span(sizes));
}

Outputs shape_rule(const NodeView& n) {
  const Shape& shape = n.in(0).shape();
  const int64_t rank = shape.rank();
  const auto end_of = [&](int64_t end) {
    return std::clamp<int64_t>(end < 0 ? end + rank : end, 0, rank);
  };
  const int64_t start = end_of(n.i("start", 0)), end = end_of(n.i("end", rank));
  std::vector<int64_t> sizes(shape.begin() + start, shape.begin() + std::max(start, end));
  return {Tensor::from(Array::list(sizes))};
}
Outputs size_rule(const NodeView& n) {
  return {Tensor::of<int64_t>({n.in(0).shape().numel()}, {})};
}

// 0 keeps a size (unless allowzero), -1 is worked out.
Outputs reshape_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  std::vector<int64_t> sizes = n.opset >= 5 ? n.known_ints(1) : n.ints("shape");
  const bool keep_zero = n.i("allowzero", 0) != 0;
  int64_t rest = 1;
  int unknown = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0 && !keep_zero) {
      if (static_cast<int>(i) >= x.rank())
        n.fail("size {} is 0, but the input has {} dimensions", i, x.rank());
      sizes[i] = x.shape()[static_cast<int>(i)];
    }
    if (sizes[i] == -1) {
      if (unknown >= 0) n.fail("two sizes are -1");
      unknown = static_cast<int>(i);
    } else if (sizes[i] < -1) {
      n.fail("got the size {}", sizes[i]);
    } else if (sizes[i] && rest > INT64_MAX / sizes[i]) {
      n.fail("the shape is too large");
    } else {
      rest *= sizes[i];
    }
  }
  if (unknown >= 0) {
    const int64_t count = x.shape().numel();
    sizes[static_cast<size_t>(unknown)] = rest == 0 ? 0 : count / rest;
  }
  return {reshape(x, Shape(std::span<const int64_t>(sizes)))};
}

Outputs flatten_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  int64_t axis = n.i("axis", 1);
  if (axis < 0) axis += x.rank();
  if (axis < 0 || axis > x.rank()) n.fail("axis {} is out of range", axis);
  const int first = static_cast<int>(axis);
  return {reshape(x, {x.shape().numel(0, first), x.shape().numel(first, x.rank())})};
}

std::vector<int64_t> axes_of(const NodeView& n) {
  return n.has(1) ? n.known_ints(1) : n.ints("axes");
}

Outputs squeeze(const NodeView& n) {
  const Tensor& x = n.in(0);
  std::vector<int64_t> axes = axes_of(n);
  if (axes.empty()) {
    for (int i = 0; i < x.rank(); ++i) {
      if (x.shape()[i] == 1) axes.push_back(i);
    }
  }
  std::vector<bool> gone(static_cast<size_t>(x.rank()));
  for (int64_t axis : axes) {
    const int a = axis_of(n, axis, x.rank());
    if (x.shape()[a] != 1) n.fail("axis {} of {} is not 1", axis, to_string(x.shape()));
    gone[static_cast<size_t>(a)] = true;
  }
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    if (!gone[static_cast<size_t>(i)]) shape.push_back(x.shape()[i]);
  }
  return {reshape(x, shape)};
}

Outputs unsqueeze(const NodeView& n) {
  const Tensor& x = n.in(0);
  const std::vector<int64_t> axes = axes_of(n);
  const int rank = x.rank() + static_cast<int>(axes.size());
  if (rank > kMaxRank) n.fail("the result has {} dimensions, expected at most {}", rank, kMaxRank);
  std::vector<bool> fresh(static_cast<size_t>(rank));
  for (int64_t axis : axes) {
    const auto a = static_cast<size_t>(axis_of(n, axis, rank));
    if (fresh[a]) n.fail("axis {} is given twice", axis);
    fresh[a] = true;
  }
  Shape shape;
  for (int i = 0, next = 0; i < rank; ++i) {
    shape.push_back(fresh[static_cast<size_t>(i)] ? 1 : x.shape()[next++]);
  }
  return {reshape(x, shape)};
}

Outputs transpose_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  std::vector<int64_t> axes = n.ints("perm");
  if (axes.empty()) {
    axes.resize(static_cast<size_t>(x.rank()));
    std::iota(axes.rbegin(), axes.rend(), 0);
  }
  if (axes.empty()) return {x};
  return {transpose(x, axes)};
}

Outputs expand(const NodeView& n) {
  const Tensor& x = n.in(0);
  const Shape wanted = shape_of(n, n.known_ints(1));
  return {broadcast_to(x, broadcast_shapes(x.shape(), wanted, "Expand"))};
}

Outputs tile(const NodeView& n) {
  const Tensor& x = n.in(0);
  std::vector<int64_t> repeats;
  if (n.opset < 6) {
    repeats.assign(static_cast<size_t>(x.rank()), 1);
    repeats[static_cast<size_t>(axis_of(n, n.known_int(2), x.rank()))] = n.known_int(1);
  } else {
    repeats = n.known_ints(1);
  }
  if (static_cast<int>(repeats.size()) != x.rank()) {
    n.fail("got {} repeats, expected {}", repeats.size(), x.rank());
  }
  Tensor y = x;
  for (int i = 0; i < x.rank(); ++i) {  // [a, s, b] -> [a, r, s, b] -> [a, r s, b]
    const int64_t r = repeats[static_cast<size_t>(i)];
    if (r < 0) n.fail("got {} repeats", r);
    if (r == 1) continue;
    const int64_t outer = y.shape().numel(0, i), inner = y.shape().numel(i + 1, y.rank());
    const int64_t size = y.shape()[i];
    Shape shape = y.shape();
    if (size && r > INT64_MAX / size) n.fail("the result is too large");
    shape[i] = size * r;
    if (!shape.fits_memory()) n.fail("the result {} is too large", to_string(shape));
    y = reshape(broadcast_to(reshape(y, {outer, 1, size, inner}), {outer, r, size, inner}), shape);
  }
  return {y};
}

Outputs concat_rule(const NodeView& n) {
  const std::vector<Tensor> parts = n.tensors();
  if (parts.empty()) n.fail("got no inputs");
  return {concat(parts, n.i("axis", 1))};
}

Outputs split_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.i("axis", 0), x.rank());
  const int64_t size = x.shape()[axis];
  std::vector<int64_t> sizes = n.ints("split");
  if (n.has(1)) sizes = n.known_ints(1);
  if (sizes.empty()) {
    const int64_t parts = n.i("num_outputs", n.output_count());
    if (parts < 1 || parts > n.output_count()) {
      n.fail("num_outputs is {}, but the node has {}", parts, n.output_count());
    }
    const int64_t most = (size + parts - 1) / parts;  // the last may be smaller
    int64_t left = size;
    for (int64_t i = 0; i < parts; ++i, left -= sizes.back()) sizes.push_back(std::min(most, left));
  }
  const std::vector<Tensor> parts = split(x, sizes, axis);
  return {parts.begin(), parts.end()};
}

Outputs slice_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (n.opset < 10) return {slice(x, n.ints("starts"), n.ints("ends"), n.ints("axes"))};
  return {slice(x, n.known_ints(1), n.known_ints(2),
                n.has(3) ? n.known_ints(3) : std::vector<int64_t>(),
                n.has(4) ? n.known_ints(4) : std::vector<int64_t>())};
}

Outputs pad_rule(const NodeView& n) {
  const Tensor& x = n.in(0);
  std::vector<int64_t> pads = n.opset >= 11 ? n.known_ints(1) : n.ints("pads");
  if (n.opset < 2 && pads.empty()) pads = n.ints("paddings");
  std::vector<int64_t> axes(static_cast<size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  if (n.has(3)) axes = n.known_ints(3);
  if (pads.size() != 2 * axes.size())
    n.fail("got {} pads, expected {}", pads.size(), 2 * axes.size());
  for (int64_t size : pads) {
    if (std::abs(static_cast<double>(size)) > 1e12) n.fail("got the padding {}", size);
  }
  std::vector<int64_t> begin(static_cast<size_t>(x.rank())), end = begin;
  std::vector<int64_t> starts = begin, ends(x.shape().begin(), x.shape().end());
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto a = static_cast<size_t>(axis_of(n, axes[i], x.rank()));
    const int64_t before = pads[i], after = pads[i + axes.size()];
    begin[a] = std::max<int64_t>(before, 0);
    end[a] = std::max<int64_t>(after, 0);
    starts[a] = std::max<int64_t>(-before, 0);  // negative padding cuts
    ends[a] -= std::max<int64_t>(-after, 0);
  }
  const Tensor cut = slice(x, starts, ends);
  const std::string mode = n.s("mode", "constant");
  if (mode == "reflect") return {pad(cut, begin, end, PadMode::reflect)};
  if (mode == "edge") return {pad(cut, begin, end, PadMode::edge)};
  if (mode == "wrap") {
    Tensor y = cut;
    for (int a = 0; a < y.rank(); ++a) {
      const int64_t size = y.shape()[a], before = begin[static_cast<size_t>(a)],
                    after = end[static_cast<size_t>(a)];
      if (before > size || after > size)
        n.fail("wraps {} elements of {}", std::max(before, after), size);
      if (before + after == 0) continue;
      y = concat({narrow(y, a, size - before, size), y, narrow(y, a, 0, after)}, a);
    }
    return {y};
  }
  if (mode != "constant")
    n.fail("mode '{}' is unknown, expected constant, reflect, edge or wrap", mode);
  double value = n.f("value", 0);
  if (n.opset >= 11) value = n.has(2) && n.in(2).shape().numel() ? n.known_number(2) : 0;
  return {pad(cut, begin, end, value)};
}

Outputs constant(const NodeView& n) {
  const auto list = [](const auto& values) { return Tensor::from(Array::list(values)); };
  if (n.has_attr("value")) return {NodeView::constant(n.tensor("value"))};
  if (n.has_attr("value_int")) return {Tensor::of<int64_t>({n.i("value_int")}, {})};
  if (n.has_attr("value_ints")) return {list(n.ints("value_ints"))};
  if (n.has_attr("value_float"))
    return {Tensor::of<float>({static_cast<float>(n.f("value_float", 0))}, {})};
  if (n.has_attr("value_floats")) return {cast(list(n.floats("value_floats")), DType::f32)};
  if (n.has_attr("sparse_value")) {
    return {NodeView::constant(read_sparse_tensor(n.find("sparse_value")->sparse_tensor(),
                                                  "Constant", n.limits().value_bytes))};
  }
  std::vector<StringId> texts;
  if (n.has_attr("value_string")) {
    texts = {intern(n.s("value_string", ""))};
    return {Tensor::from(Array::of(std::span<const StringId>(texts), {}))};
  }
  if (!n.has_attr("value_strings")) n.fail("has no value");
  for (const std::string& text : n.strings("value_strings")) texts.push_back(intern(text));
  return {list(texts)};
}

Outputs constant_of_shape(const NodeView& n) {
  const Shape shape = shape_of(n, n.known_ints(0));
  if (!shape.fits_memory()) n.fail("the shape {} is too large", to_string(shape));
  if (!n.has_attr("value")) return {zeros(shape, DType::f32)};
  const Array value = n.tensor("value");
  if (value.numel() != 1) n.fail("the value has {} elements, expected one", value.numel());
  return {broadcast_to(reshape(Tensor::from(value), {}), shape)};
}

Outputs eye_like(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (x.rank() != 2) n.fail("got {}, expected a matrix", to_string(x.shape()));
  const DType dtype = n.has_attr("dtype") ? dtype_of_onnx(n.i("dtype"), "EyeLike") : x.dtype();
  const Tensor row = reshape(arange(x.shape()[0]), {x.shape()[0], 1});
  return {cast(equal(row + static_cast<double>(n.i("k", 0)), arange(x.shape()[1])), dtype)};
}

Outputs range(const NodeView& n) {
  const DType dtype = n.in(0).dtype();
  const double start = n.known_number(0), limit = n.known_number(1), step = n.known_number(2);
  if (step == 0 || !std::isfinite(step)) n.fail("got the step {}", step);
  const double count = std::max(0.0, std::ceil((limit - start) / step));
  if (!(count < 1e12)) n.fail("would have {} elements", count);
  return {arange(start, step, static_cast<int64_t>(count), dtype)};
}

Outputs trilu(const NodeView& n) {
  const Tensor& x = n.in(0);
  if (x.rank() < 2) n.fail("got {}, expected a matrix or a batch of them", to_string(x.shape()));
  const int64_t k = n.has(1) ? n.known_int(1) : 0;
  const int64_t rows = x.shape().at(-2), columns = x.shape().at(-1);
  const Tensor distance = arange(columns) - reshape(arange(rows), {rows, 1});
  const double limit = static_cast<double>(std::clamp<int64_t>(k, -rows - 1, columns + 1));
  const Tensor kept =
      n.i("upper", 1) ? greater_equal(distance, limit) : less_equal(distance, limit);
  return {select(kept, x, full(0, {}, x.dtype()))};
}

// Whether the channels come before the places in a block (CRD) or after them (DCR).
bool channels_first(const NodeView& n) {
  const std::string mode = n.s("mode", "DCR");
  if (mode != "CRD" && mode != "DCR") n.fail("mode '{}' is unknown, expected DCR or CRD", mode);
  return mode == "CRD";
}

// Of whole images; larger ones than the limit would not fit them.
int64_t block_size(const NodeView& n, const Tensor& x) {
  constexpr int64_t kMost = 1 << 16;
  const int64_t r = n.i("blocksize");
  if (x.rank() != 4 || r < 1 || r > kMost) {
    n.fail("got {} and block size {}", to_string(x.shape()), r);
  }
  return r;
}

// [b, c r r, h, w] -> [b, c, h r, w r]
Outputs depth_to_space(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int64_t r = block_size(n, x);
  if (x.shape()[1] % (r * r)) {
    n.fail("got {} and block size {}", to_string(x.shape()), r);
  }
  const Shape s = x.shape();
  const int64_t c = s[1] / (r * r);
  const Tensor moved = channels_first(n)
                           ? transpose(reshape(x, {s[0], c, r, r, s[2], s[3]}), {0, 1, 4, 2, 5, 3})
                           : transpose(reshape(x, {s[0], r, r, c, s[2], s[3]}), {0, 3, 4, 1, 5, 2});
  return {reshape(moved, {s[0], c, s[2] * r, s[3] * r})};
}
Outputs space_to_depth(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int64_t r = block_size(n, x);
  if (x.shape()[2] % r || x.shape()[3] % r) {
    n.fail("got {} and block size {}", to_string(x.shape()), r);
  }
  const Shape s = x.shape();
  const Tensor split = reshape(x, {s[0], s[1], s[2] / r, r, s[3] / r, r});
  const Tensor moved = channels_first(n) ? transpose(split, {0, 1, 3, 5, 2, 4})
                                         : transpose(split, {0, 3, 5, 1, 2, 4});
  return {reshape(moved, {s[0], s[1] * r * r, s[2] / r, s[3] / r})};
}

constexpr OperatorRule kRules[] = {
    {"Concat", concat_rule},
    {"Constant", constant},
    {"ConstantOfShape", constant_of_shape},
    {"DepthToSpace", depth_to_space},
    {"Expand", expand},
    {"EyeLike", eye_like},
    {"Flatten", flatten_rule},
    {"Pad", pad_rule},
    {"Range", range},
    {"Reshape", reshape_rule},
    {"Shape", shape_rule},
    {"Size", size_rule},
    {"Slice", slice_rule},
    {"SpaceToDepth", space_to_depth},
    {"Split", split_rule},
    {"Squeeze", squeeze},
    {"Tile", tile},
    {"Transpose", transpose_rule},
    {"Trilu", trilu},
    {"Unsqueeze", unsqueeze},
};

}  // namespace

std::span<const OperatorRule> shape_rules() { return kRules; }

}  // namespace suan::onnx
