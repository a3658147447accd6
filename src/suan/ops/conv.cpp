// Rules of the convolutions. conv, conv_transpose and conv_weight_gradient are each other's
// gradients, so derivatives of any order need no further op. SPDX-License-Identifier: Apache-2.0
#include "suan/ops/conv.h"

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/ops/reduce.h"

namespace suan {

extern const OpDef conv_op, conv_transpose_op, conv_weight_gradient_op;

namespace {

constexpr int64_t kMostEntry = 1 << 20;
constexpr int64_t kMostSize = int64_t{1} << 40;

void complete_list(std::vector<int64_t>& list, int spatial, int64_t value, int64_t least,
                   std::string_view what, std::string_view op, int64_t most = kMostEntry) {
  if (list.empty()) list.assign(static_cast<size_t>(spatial), value);
  if (list.size() == 1) list.assign(static_cast<size_t>(spatial), list[0]);
  if (static_cast<int>(list.size()) != spatial) {
    fail(op, "{} has {} entries, expected {}", what, list.size(), spatial);
  }
  for (int64_t v : list) {
    if (v < least || v > most) {
      fail(op, "{} has {}, expected {} to {}", what, v, least, most);
    }
  }
}

int64_t at(const std::vector<int64_t>& list, int i) { return list[static_cast<size_t>(i)]; }

// The output size along spatial axis i of a convolution of `size` with kernel `kernel`.
int64_t output_size(const ConvAttrs& a, int i, int64_t size, int64_t kernel) {
  const int64_t extent = at(a.dilation, i) * (kernel - 1) + 1;
  const int64_t room = size + at(a.pad_begin, i) + at(a.pad_end, i) - extent;
  return room < 0 ? 0 : room / at(a.stride, i) + 1;
}

void check_ranks(const InferContext& c) {
  const int rank = c.shape(0).rank();
  if (rank < 3 || rank > 5 || c.shape(1).rank() != rank) {
    fail(c.name(), "got shapes {} and {}, expected both of rank 3, 4 or 5", to_string(c.shape(0)),
         to_string(c.shape(1)));
  }
  if (c.dtype(0) != c.dtype(1)) {
    fail(c.name(), "got dtypes {} and {}, expected the same", name(c.dtype(0)), name(c.dtype(1)));
  }
  if (!is_float(c.dtype(0))) fail(c.name(), "got {}, expected a float", name(c.dtype(0)));
  const auto& a = c.attr<ConvAttrs>();
  if (!(complete(a, rank - 2, c.name()) == a)) {
    fail(c.name(), "stride, padding and dilation need an entry for each of {} axes", rank - 2);
  }
  for (int i = 2; i < rank; ++i) {
    if (std::max(c.shape(0)[i], c.shape(1)[i]) > kMostSize) {
      fail(c.name(), "got shapes {} and {}, expected sizes of at most {}", to_string(c.shape(0)),
           to_string(c.shape(1)), kMostSize);
    }
  }
}

void check_size(const InferContext& c) {
  std::vector<int64_t> size = c.attr<ConvAttrs>().size;
  complete_list(size, c.shape(0).rank() - 2, 1, 1, "size", c.name(), kMostSize);
  if (size != c.attr<ConvAttrs>().size) fail(c.name(), "size needs an entry for each axis");
}

std::vector<Type> infer_conv(const InferContext& c) {
  check_ranks(c);
  const Shape &x = c.shape(0), &w = c.shape(1);
  const auto& a = c.attr<ConvAttrs>();
  if (a.groups < 1 || a.groups > w[0] || x[1] != w[1] * a.groups || w[0] % a.groups != 0) {
    fail(c.name(), "channels do not fit: x {}, w {}, groups {}", to_string(x), to_string(w),
         a.groups);
  }
  if (c.has(2) && !(c.shape(2) == Shape{w[0]})) {
    fail(c.name(), "bias is {}, expected [{}]", to_string(c.shape(2)), w[0]);
  }
  if (c.has(2) && c.dtype(2) != c.dtype(0) && c.dtype(2) != wide(c.dtype(0))) {
    fail(c.name(), "bias is {}, expected {}", name(c.dtype(2)), name(c.dtype(0)));
  }
  Shape out{x[0], w[0]};
  for (int i = 0; i < x.rank() - 2; ++i) {
    const int64_t size = output_size(a, i, x[i + 2], w[i + 2]);
    if (size < 1 || w[i + 2] < 1) {
      fail(c.name(), "kernel {} does not fit into {} with this padding", to_string(w),
           to_string(x));
    }
    out.push_back(size);
  }
  return {Type(c.dtype(0), out)};
}

std::vector<Type> infer_transpose(const InferContext& c) {
  check_ranks(c);
  check_size(c);
  const Shape &x = c.shape(0), &w = c.shape(1);
  const auto& a = c.attr<ConvAttrs>();
  if (a.groups < 1 || a.groups > w[0] || x[1] != w[0] || w[0] % a.groups != 0) {
    fail(c.name(), "channels do not fit: x {}, w {}, groups {}", to_string(x), to_string(w),
         a.groups);
  }
  Shape out{x[0], w[1] * a.groups};
  for (int i = 0; i < x.rank() - 2; ++i) {
    if (output_size(a, i, at(a.size, i), w[i + 2]) != x[i + 2]) {
      fail(c.name(), "output size {} does not fit input {} and kernel {}", at(a.size, i),
           to_string(x), to_string(w));
    }
    out.push_back(at(a.size, i));
  }
  return {Type(c.dtype(0), out)};
}

std::vector<Type> infer_weight_gradient(const InferContext& c) {
  check_ranks(c);
  check_size(c);
  const Shape &x = c.shape(0), &g = c.shape(1);
  const auto& a = c.attr<ConvAttrs>();
  if (a.groups < 1 || x[0] != g[0] || x[1] % a.groups != 0 || g[1] % a.groups != 0) {
    fail(c.name(), "shapes do not fit: x {}, gradient {}, groups {}", to_string(x), to_string(g),
         a.groups);
  }
  Shape out{g[1], x[1] / a.groups};
  for (int i = 0; i < x.rank() - 2; ++i) {
    if (output_size(a, i, x[i + 2], at(a.size, i)) != g[i + 2]) {
      fail(c.name(), "kernel size {} does not fit input {} and gradient {}", at(a.size, i),
           to_string(x), to_string(g));
    }
    out.push_back(at(a.size, i));
  }
  return {Type(c.dtype(0), out)};
}

// 2 multiply-adds per output element, kernel position and input channel; the three ops cost the
// same.
double conv_flops(const Shape& y, const Shape& w) {
  return 2.0 * static_cast<double>(y.numel()) * static_cast<double>(w.numel()) /
         static_cast<double>(w[0]);
}

bool is_exact(const Node& n) { return n.attr<ConvAttrs>().exact || multiplies_integers(n); }
Attrs in_tf32(const Node& n) {
  ConvAttrs attrs = n.attr<ConvAttrs>();
  attrs.tf32 = true;
  return attrs;
}

std::vector<int64_t> spatial(const Shape& s) { return {s.begin() + 2, s.end()}; }
std::vector<int64_t> all_but_channels(int rank) {
  std::vector<int64_t> axes{0};
  for (int i = 2; i < rank; ++i) axes.push_back(i);
  return axes;
}
ConvAttrs with_size(ConvAttrs attrs, std::vector<int64_t> size) {
  attrs.size = std::move(size);
  return attrs;
}

}  // namespace

ConvAttrs complete(ConvAttrs attrs, int spatial, std::string_view op) {
  if (attrs.pad_end.empty()) attrs.pad_end = attrs.pad_begin;
  complete_list(attrs.stride, spatial, 1, 1, "stride", op);
  complete_list(attrs.pad_begin, spatial, 0, 0, "pad_begin", op);
  complete_list(attrs.pad_end, spatial, 0, 0, "pad_end", op);
  complete_list(attrs.dilation, spatial, 1, 1, "dilation", op);
  return attrs;
}

const OpDef conv_op{
    .code = Op::conv,
    .name = "conv",
    .doc = "Cross-correlation: y[n, o, p] = b[o] + sum_{c, k} w[o, c, k] x[n, c, p s + k d - pad].",
    .inputs = {"x", "w", "bias?"},
    .attrs = &kAttrsType<ConvAttrs>,
    .infer = infer_conv,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const ConvAttrs a = with_size(c.attr<ConvAttrs>(), {});
      std::vector<Tensor> out(c.node->inputs.size());
      if (c.needs[0]) {
        out[0] = conv_transpose(c.grad(), c.in(1), with_size(a, spatial(c.in(0).shape())));
      }
      if (c.needs[1]) {
        out[1] = conv_weight_gradient(c.in(0), c.grad(), with_size(a, spatial(c.in(1).shape())));
      }
      if (c.has(2) && c.needs[2]) out[2] = sum(c.grad(), all_but_channels(c.grad().rank()));
      return out;
    },
    .precision = Precision::low,
    .exact = is_exact,
    .in_tf32 = in_tf32,
    .flops = [](const Node& n) { return conv_flops(n.types[0].shape, n.inputs[1].shape()); },
};
Tensor conv(const Tensor& x, const Tensor& w, const Tensor& bias, ConvAttrs attrs) {
  attrs = complete(std::move(attrs), std::max(0, x.rank() - 2), "conv");
  if (!attrs.size.empty()) fail("conv", "size is given, but follows from the input");
  std::vector<Tensor> inputs{x, w};
  if (bias) inputs.push_back(bias);
  return make(conv_op, std::move(inputs), std::move(attrs));
}

const OpDef conv_transpose_op{
    .code = Op::conv_transpose,
    .name = "conv_transpose",
    .doc = "Transposed convolution: the adjoint of conv in its input.",
    .inputs = {"x", "w"},
    .attrs = &kAttrsType<ConvAttrs>,
    .infer = infer_transpose,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const ConvAttrs a = with_size(c.attr<ConvAttrs>(), {});
      std::vector<Tensor> out(2);
      if (c.needs[0]) out[0] = conv(c.grad(), c.in(1), {}, a);
      if (c.needs[1]) {
        out[1] = conv_weight_gradient(c.grad(), c.in(0), with_size(a, spatial(c.in(1).shape())));
      }
      return out;
    },
    .keeps_zero = true,
    .precision = Precision::low,
    .exact = is_exact,
    .in_tf32 = in_tf32,
    .flops = [](const Node& n) { return conv_flops(n.inputs[0].shape(), n.inputs[1].shape()); },
};
Tensor conv_transpose(const Tensor& x, const Tensor& w, ConvAttrs attrs) {
  const int axes = std::max(0, x.rank() - 2);
  attrs = complete(std::move(attrs), axes, "conv_transpose");
  if (attrs.size.empty() && w.rank() == x.rank()) {
    for (int i = 0; i < axes; ++i) {
      attrs.size.push_back((x.shape()[i + 2] - 1) * at(attrs.stride, i) +
                           at(attrs.dilation, i) * (w.shape()[i + 2] - 1) + 1 -
                           at(attrs.pad_begin, i) - at(attrs.pad_end, i));
    }
  }
  complete_list(attrs.size, axes, 1, 1, "size", "conv_transpose", kMostSize);
  return make(conv_transpose_op, {x, w}, std::move(attrs));
}

const OpDef conv_weight_gradient_op{
    .code = Op::conv_weight_gradient,
    .name = "conv_weight_gradient",
    .doc =
        "The gradient of conv in w: y[o, c, k] = sum_{n, p} g[n, o, p] x[n, c, p s + k d - pad].",
    .inputs = {"x", "g"},
    .attrs = &kAttrsType<ConvAttrs>,
    .infer = infer_weight_gradient,
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      const ConvAttrs a = with_size(c.attr<ConvAttrs>(), {});
      std::vector<Tensor> out(2);
      if (c.needs[0]) {
        out[0] = conv_transpose(c.in(1), c.grad(), with_size(a, spatial(c.in(0).shape())));
      }
      if (c.needs[1]) out[1] = conv(c.in(0), c.grad(), {}, a);
      return out;
    },
    .keeps_zero = true,
    .precision = Precision::low,
    .exact = is_exact,
    .in_tf32 = in_tf32,
    .flops = [](const Node& n) { return conv_flops(n.inputs[1].shape(), n.types[0].shape); },
};
Tensor conv_weight_gradient(const Tensor& x, const Tensor& g, ConvAttrs attrs) {
  const int axes = std::max(0, x.rank() - 2);
  attrs = complete(std::move(attrs), axes, "conv_weight_gradient");
  complete_list(attrs.size, axes, 1, 1, "size", "conv_weight_gradient", kMostSize);
  return make(conv_weight_gradient_op, {x, g}, std::move(attrs));
}

}  // namespace suan
