// Rules of the sparse products, which are each other's gradients.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/csr_matmul.h"

#include "suan/base/error.h"
#include "suan/ops/op.h"

namespace suan {

extern const OpDef csr_matmul_op, csr_dot_op;

namespace {

constexpr int64_t kMostColumns = int64_t{1} << 40;

void check_places(const InferContext& c) {
  for (int i = 0; i < 2; ++i) {
    if (c.dtype(i) != DType::i64 || c.shape(i).rank() != 1) {
      fail(c.name(), "{} is {}, expected i64 of one axis", c.op.inputs.begin()[i],
           to_string(c.type(i)));
    }
  }
  if (c.shape(0)[0] < 1) fail(c.name(), "offsets are empty, expected one more than rows");
}

void check_dense(const InferContext& c, int i) {
  if (c.shape(i).rank() != 2 || !is_float(c.dtype(i))) {
    fail(c.name(), "{} is {}, expected a float of two axes", c.op.inputs.begin()[i],
         to_string(c.type(i)));
  }
}

std::vector<Type> infer_matmul(const InferContext& c) {
  const auto& a = c.attr<CsrAttrs>();
  check_places(c);
  check_dense(c, 2);
  const int64_t rows = c.shape(0)[0] - 1;
  const Shape& dense = c.shape(2);
  if (c.has(3) && !(c.type(3) == Type(c.dtype(2), c.shape(1)))) {
    fail(c.name(), "values are {}, expected {}", to_string(c.type(3)),
         to_string(Type(c.dtype(2), c.shape(1))));
  }
  if (a.transpose && a.symmetric) fail(c.name(), "a symmetric matrix is its own transpose");
  if (a.transpose && (a.columns < 0 || a.columns > kMostColumns)) {
    fail(c.name(), "columns is {}, expected 0 or more", a.columns);
  }
  if (!a.transpose && a.columns != 0) {
    fail(c.name(), "columns is given, but follows from the dense operand");
  }
  if ((a.transpose || a.symmetric) && dense[0] != rows) {
    fail(c.name(), "the dense operand is {}, expected {} rows", to_string(dense), rows);
  }
  return {Type(c.dtype(2), {a.transpose ? a.columns : rows, dense[1]})};
}

std::vector<Tensor> matmul_gradient(const GradContext& c) {
  const auto& a = c.attr<CsrAttrs>();
  const Tensor &offsets = c.in(0), &columns = c.in(1), &dense = c.in(2), &g = c.grad();
  const Tensor values = c.has(3) ? c.in(3) : Tensor();
  std::vector<Tensor> out(c.node->inputs.size());
  if (c.needs[2]) {
    CsrAttrs back;
    back.symmetric = a.symmetric;
    back.transpose = !a.transpose && !a.symmetric;
    if (back.transpose) back.columns = dense.shape()[0];
    out[2] = csr_matmul(offsets, columns, values, g, back);
  }
  if (c.has(3) && c.needs[3]) {
    out[3] =
        a.transpose ? csr_dot(offsets, columns, dense, g) : csr_dot(offsets, columns, g, dense);
  }
  return out;
}

}  // namespace

const OpDef csr_matmul_op{
    .code = Op::csr_matmul,
    .name = "csr_matmul",
    .doc =
        "A sparse matrix times a dense one: y[i, j] = sum_e values[e] dense[columns[e], j], e in "
        "row i.",
    .inputs = {"offsets", "columns", "dense", "values?"},
    .attrs = &kAttrsType<CsrAttrs>,
    .infer = infer_matmul,
    .gradient = matmul_gradient,
    .flops =
        [](const Node& n) {
          return 2.0 * static_cast<double>(n.inputs[1].shape()[0]) *
                 static_cast<double>(n.types[0].shape[1]);
        },
};
Tensor csr_matmul(const Tensor& offsets, const Tensor& columns, const Tensor& values,
                  const Tensor& dense, CsrAttrs attrs) {
  std::vector<Tensor> inputs{offsets, columns, dense};
  if (values) inputs.push_back(values);
  return make(csr_matmul_op, std::move(inputs), attrs);
}

const OpDef csr_dot_op{
    .code = Op::csr_dot,
    .name = "csr_dot",
    .doc =
        "A product at a sparse matrix' places: y[e] = sum_j a[i, j] b[columns[e], j], e in row i.",
    .inputs = {"offsets", "columns", "a", "b"},
    .infer = [](const InferContext& c) -> std::vector<Type> {
      check_places(c);
      check_dense(c, 2);
      check_dense(c, 3);
      if (c.dtype(2) != c.dtype(3) || c.shape(2)[1] != c.shape(3)[1] ||
          c.shape(2)[0] != c.shape(0)[0] - 1) {
        fail(c.name(), "got {} and {}, expected [{}, n] and [k, n] of one dtype",
             to_string(c.type(2)), to_string(c.type(3)), c.shape(0)[0] - 1);
      }
      return {Type(c.dtype(2), c.shape(1))};
    },
    .gradient = [](const GradContext& c) -> std::vector<Tensor> {
      std::vector<Tensor> out(4);
      const Tensor &offsets = c.in(0), &columns = c.in(1), &g = c.grad();
      if (c.needs[2]) out[2] = csr_matmul(offsets, columns, g, c.in(3));
      if (c.needs[3]) {
        const int64_t k = c.in(3).shape()[0];
        out[3] = csr_matmul(offsets, columns, g, c.in(2), {.transpose = true, .columns = k});
      }
      return out;
    },
    .flops =
        [](const Node& n) {
          return 2.0 * static_cast<double>(n.inputs[1].shape()[0]) *
                 static_cast<double>(n.inputs[2].shape()[1]);
        },
};
Tensor csr_dot(const Tensor& offsets, const Tensor& columns, const Tensor& a, const Tensor& b) {
  return make(csr_dot_op, {offsets, columns, a, b});
}

}  // namespace suan
