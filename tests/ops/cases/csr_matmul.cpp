// Cases of the sparse products.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/csr_matmul.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

constexpr ErrorCode kOut = ErrorCode::kOutOfRange;

In whole_numbers(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return given({n}, std::move(values), DType::i64);
}
Tensor list(std::initializer_list<int64_t> values) {
  return Tensor::of<int64_t>(values, {static_cast<int64_t>(values.size())});
}

// 4 x 3: {., a, .}, nothing, {b, ., c + d}, {., e, .}.
const In kOffsets = whole_numbers({0, 1, 1, 4, 5});
const In kColumns = whole_numbers({1, 2, 0, 2, 1});

Build product(CsrAttrs a) {
  return [=](const Tensors& x) {
    return csr_matmul(x[0], x[1], x.size() > 3 ? x[3] : Tensor(), x[2], a);
  };
}

// Rows of different lengths of a k-column matrix, long enough for several threads.
In many_offsets(int64_t rows) {
  std::vector<double> offsets{0};
  for (int64_t i = 0; i < rows; ++i) offsets.push_back(offsets.back() + static_cast<double>(i % 7));
  return whole_numbers(std::move(offsets));
}

std::vector<BadCase> places_mistakes() {
  const auto run = [](const Tensor& offsets, const Tensor& columns) {
    return [=] { csr_matmul(offsets, columns, {}, zeros({3, 2})).array(); };
  };
  return {
      {run(list({1, 2}), list({0, 0})), "csr_matmul: row offset 1 at position 0 is outside [0, 0]",
       kOut},
      {run(list({0, 2, 1, 2}), list({0, 0})),
       "csr_matmul: row offset 1 at position 2 is outside [2, 2]", kOut},
      {run(list({0, 3, 2}), list({0, 0})),
       "csr_matmul: row offset 3 at position 1 is outside [0, 2]", kOut},
      {run(list({0, 1}), list({0, 0})), "csr_matmul: row offset 1 at position 1 is outside [2, 2]",
       kOut},
      {run(list({0, 2}), list({0, 3})), "csr_matmul: column 3 at position 1 is outside [0, 3)",
       kOut},
      {run(list({0, 2}), list({-1, 0})), "csr_matmul: column -1 at position 0 is outside [0, 3)",
       kOut},
      {[] {
         csr_matmul(list({0, 1}), list({5}), {}, zeros({1, 2}), {.transpose = true, .columns = 5})
             .array();
       },
       "csr_matmul: column 5 at position 0 is outside [0, 5)", kOut},
  };
}

std::vector<BadCase> shape_mistakes() {
  return {{[] { csr_matmul(zeros({2}), list({0}), {}, zeros({1, 1})); },
           "csr_matmul: offsets is f32[2], expected i64 of one axis"},
          {[] { csr_matmul(list({0, 1}), zeros({1, 1}, DType::i64), {}, zeros({1, 1})); },
           "csr_matmul: columns is i64[1, 1], expected i64 of one axis"},
          {[] { csr_matmul(zeros({0}, DType::i64), list({0}), {}, zeros({1, 1})); },
           "csr_matmul: offsets are empty, expected one more than rows"},
          {[] { csr_matmul(list({0, 1}), list({0}), {}, zeros({3})); },
           "csr_matmul: dense is f32[3], expected a float of two axes"},
          {[] { csr_matmul(list({0, 1}), list({0}), zeros({2}), zeros({1, 1})); },
           "csr_matmul: values are f32[2], expected f32[1]"},
          {[] { csr_matmul(list({0, 1}), list({0}), {}, zeros({2, 1}), {.symmetric = true}); },
           "csr_matmul: the dense operand is [2, 1], expected 1 rows"},
          {[] {
             csr_matmul(list({0, 1}), list({0}), {}, zeros({1, 1}),
                        {.transpose = true, .columns = 1, .symmetric = true});
           },
           "csr_matmul: a symmetric matrix is its own transpose"},
          {[] {
             csr_matmul(list({0, 1}), list({0}), {}, zeros({1, 1}),
                        {.transpose = true, .columns = -1});
           },
           "csr_matmul: columns is -1, expected 0 or more"},
          {[] { csr_matmul(list({0, 1}), list({0}), {}, zeros({1, 1}), {.columns = 1}); },
           "csr_matmul: columns is given, but follows from the dense operand"}};
}

}  // namespace

const OpCases& cases_csr_matmul() {
  static const OpCases cases = [] {
    const In dense = real({3, 2}), values = real({5}), tall = real({4, 2});
    OpCases c{
        .cases =
            {{"values", {kOffsets, kColumns, dense, values}, product({})},
             {"ones", {kOffsets, kColumns, dense}, product({})},
             {"known",
              {kOffsets, kColumns, given({3, 1}, {1, 10, 100}), given({5}, {2, 3, 4, 5, 6})},
              product({}),
              {.expected = {20, 0, 804, 60}}},
             {"transposed",
              {kOffsets, kColumns, tall, values},
              product({.transpose = true, .columns = 3})},
             {"transposed, known",
              {kOffsets, kColumns, given({4, 1}, {1, 10, 100, 1000}), given({5}, {2, 3, 4, 5, 6})},
              product({.transpose = true, .columns = 5}),
              {.expected = {400, 6002, 800, 0, 0}}},
             {"symmetric",
              {whole_numbers({0, 2, 3, 5}), whole_numbers({0, 2, 1, 0, 2}), real({3, 4})},
              product({.symmetric = true})},
             {"wide", {kOffsets, kColumns, real({3, 150}), values}, product({})},
             {"no elements", {whole_numbers({0, 0, 0}), whole_numbers({}), dense}, product({})},
             {"many rows",
              {many_offsets(701), indices({2100}, 40), real({40, 19}), real({2100})},
              product({}),
              {.gradient = false}},
             {"many rows, transposed",
              {many_offsets(701), indices({2100}, 40), real({701, 19}), real({2100})},
              product({.transpose = true, .columns = 40}),
              {.gradient = false}}},
        .bad = shape_mistakes(),
    };
    for (BadCase& bad : places_mistakes()) c.bad.push_back(std::move(bad));
    return c;
  }();
  return cases;
}

const OpCases& cases_csr_dot() {
  const auto call = [](const Tensors& x) { return csr_dot(x[0], x[1], x[2], x[3]); };
  static const OpCases cases{
      .cases = {{"small", {kOffsets, kColumns, real({4, 2}), real({3, 2})}, call},
                {"known",
                 {kOffsets, kColumns, given({4, 1}, {1, 2, 3, 4}), given({3, 1}, {1, 10, 100})},
                 call,
                 {.expected = {10, 300, 3, 300, 40}}},
                {"wide", {kOffsets, kColumns, real({4, 70}), real({3, 70})}, call},
                {"many rows",
                 {many_offsets(701), indices({2100}, 40), real({701, 19}), real({40, 19})},
                 call,
                 {.gradient = false}}},
      .bad = {{[] { csr_dot(list({0, 1}), list({0}), zeros({2, 3}), zeros({2, 3})); },
               "csr_dot: got f32[2, 3] and f32[2, 3], expected [1, n] and [k, n] of one dtype"},
              {[] { csr_dot(list({0, 1}), list({0}), zeros({1, 3}), zeros({3})); },
               "csr_dot: b is f32[3], expected a float of two axes"},
              {[] { csr_dot(list({0, 1}), list({2}), zeros({1, 3}), zeros({2, 3})).array(); },
               "csr_dot: column 2 at position 0 is outside [0, 2)", kOut}},
  };
  return cases;
}

}  // namespace suan
