// The headers of kernels, which the build puts into the library as text, and the tables' formulas.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/prelude.h"

#include <fmt/format.h>

#include <string_view>

#include "suan/ops/elementwise.h"
#include "suan/ops/op.h"

namespace suan::embedded {
std::string_view cuda_device_cuh();
std::string_view cuda_rows_cuh();
}  // namespace suan::embedded

namespace suan::cuda {
namespace {

// Each row of the tables as a function: row_add(a, b).
std::string row_functions() {
  std::string text = "namespace rows {\n";
  for (const OpDef* op : all_ops()) {
    if (!op->row || op->code == Op::select) continue;
    const char* parameters = op->row->arity == 1 ? "T x" : "T a, T b";
    text += fmt::format("template <class T> __device__ inline auto row_{}({}) {{ return {}; }}\n",
                        op->name, parameters, op->row->source);
  }
  return text + "}\n";
}

}  // namespace

const std::string& kernel_prelude() {
  static const std::string text = std::string(embedded::cuda_device_cuh()) +
                                  std::string(embedded::cuda_rows_cuh()) + row_functions();
  return text;
}

}  // namespace suan::cuda
