// Running a case: its inputs' values, its graphs, and what comes out as numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"
#include "suan/graph/graph.h"
#include "suan/program/program.h"
#include "tests/ops/op_cases.h"

namespace suan {

bool has_gradient(const OpCase& c);
// Rounding error that one dtype allows, relative to the largest element.
double tolerance_of(DType dtype);
// Equal up to `tolerance`, relative to the larger of the element and the largest element.
void expect_close(const std::vector<double>& got, const std::vector<double>& want, double tolerance,
                  const std::string& what);

// The elements of an array as f64, and back (integers wrap).
std::vector<double> numbers(const Array& array);
Array array_of(const std::vector<double>& values, DType dtype, const Shape& shape);

// The values of a case's inputs; the same for every call with this dtype.
std::vector<Array> make_inputs(const OpCase& c, DType dtype);
// The same values in another dtype (inputs of fixed dtype keep theirs).
std::vector<Array> convert(const OpCase& c, const std::vector<Array>& inputs, DType dtype);

// A case's graphs. `weights` scale the float outputs in loss = sum_i sum(out_i w_i); `directions`
// do the same for the gradients in the second loss. Both are graph inputs after the case's own.
struct CaseGraphs {
  Graph forward;               // outputs: the case's
  Graph gradient;              // outputs: the case's, then d loss / d x for each float input
  Graph loss;                  // output: loss
  Graph second;                // outputs: d loss2 / d x for each float input
  Graph loss2;                 // output: loss2 = sum_i sum(d loss / d x_i * v_i)
  std::vector<size_t> active;  // the inputs that gradients are taken in
};
enum class Order { forward, first, second };
CaseGraphs build_case(const OpCase& c, DType dtype, Order order);

// Values for a graph's inputs: the case's, then random ones for weights and directions.
std::vector<Array> with_weights(const Graph& graph, std::vector<Array> inputs);

// Runs a graph several times on the backend.
class Runner {
 public:
  Runner(const Graph& graph, const Backend& backend);
  std::vector<Array> run(const std::vector<Array>& inputs);
  const Program& program() const { return *program_; }

 private:
  std::vector<Type> types_;
  ProgramPtr program_;
  RunContext context_;
};

// The case's forward and gradient graphs in this dtype, on this backend, against the reference
// backend's f64 on the same inputs; and the forward graph in an integer dtype against its i64.
void compare_floats(const OpCase& c, DType dtype, const Backend& backend);
void compare_integers(const OpCase& c, DType dtype, const Backend& backend);
// Only runs what these compare.
void run_once(const OpCase& c, DType dtype, const Backend& backend);

}  // namespace suan
