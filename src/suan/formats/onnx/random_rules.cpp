// Random numbers. They come from Suan's generator (ops/random.h): other engines' numbers differ for
// the same seed, as the standard allows. SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/cumsum.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/random.h"
#include "suan/ops/reduce.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"

namespace suan::onnx {
namespace {

// The shape with its elements' size within the limit for one value.
Shape checked_shape(const NodeView& n, const std::vector<int64_t>& sizes) {
  for (int64_t size : sizes) {
    if (size < 0) n.fail("got the size {}, expected at least 0", size);
  }
  const Shape shape{std::span<const int64_t>(sizes)};
  if (!shape.fits_memory() || static_cast<uint64_t>(shape.numel()) > n.limits().value_bytes / 8) {
    n.fail("the shape {} is too large", to_string(shape));
  }
  return shape;
}

DType float_dtype(const NodeView& n, DType otherwise) {
  const DType dtype =
      n.has_attr("dtype") ? dtype_of_onnx(n.i("dtype"), n.proto().op_type()) : otherwise;
  if (!is_float(dtype)) n.fail("the dtype is {}, expected a float", name(dtype));
  return dtype;
}

Tensor normal(const NodeView& n, const Shape& shape, DType dtype) {
  const Tensor x = random_normal(n.random_key(), shape);
  return cast(x * n.f("scale", 1) + n.f("mean", 0), dtype);
}
Tensor uniform(const NodeView& n, const Shape& shape, DType dtype) {
  const double low = n.f("low", 0), high = n.f("high", 1);
  return cast(random_uniform(n.random_key(), shape) * (high - low) + low, dtype);
}

using Draw = Tensor (*)(const NodeView&, const Shape&, DType);
template <Draw F>
Outputs of_shape(const NodeView& n) {
  if (!n.has_attr("shape")) n.fail("attribute 'shape' is missing");
  return {F(n, checked_shape(n, n.ints("shape")), float_dtype(n, DType::f32))};
}
template <Draw F>
Outputs like(const NodeView& n) {
  return {F(n, n.in(0).shape(), float_dtype(n, n.in(0).dtype()))};
}

Outputs bernoulli(const NodeView& n) {
  const Tensor& p = n.in(0);
  const DType dtype = n.has_attr("dtype") ? dtype_of_onnx(n.i("dtype"), "Bernoulli") : p.dtype();
  return {cast(less(random_uniform(n.random_key(), p.shape()), cast(p, DType::f32)), dtype)};
}

// Which class each uniform number falls into, by the running sum of the classes' probabilities.
Outputs multinomial(const NodeView& n) {
  const Tensor& x = n.in(0);
  const int64_t samples = n.i("sample_size", 1);
  if (x.rank() != 2 || x.shape()[1] < 1) {
    n.fail("got {}, expected [batch, classes]", to_string(x.shape()));
  }
  const DType dtype = dtype_of_onnx(n.i("dtype", 6), "Multinomial");
  if (dtype != DType::i32 && dtype != DType::i64) {
    n.fail("the dtype is {}, expected i32 or i64", name(dtype));
  }
  const int64_t batch = x.shape()[0], classes = x.shape()[1];
  checked_shape(n, {batch, samples, classes});
  const Tensor sums = cumsum(softmax(cast(x, DType::f32), 1), 1);
  const Tensor ends = reshape(sums / narrow(sums, 1, classes - 1, classes), {batch, 1, classes});
  const Tensor drawn = random_uniform(n.random_key(), {batch, samples, 1});
  return {cast(sum(cast(greater_equal(drawn, ends), DType::i64), {2}), dtype)};
}

constexpr OperatorRule kRules[] = {
    {"Bernoulli", bernoulli},
    {"Multinomial", multinomial},
    {"RandomNormal", of_shape<normal>},
    {"RandomNormalLike", like<normal>},
    {"RandomUniform", of_shape<uniform>},
    {"RandomUniformLike", like<uniform>},
};

}  // namespace

std::span<const OperatorRule> random_rules() { return kRules; }

}  // namespace suan::onnx
