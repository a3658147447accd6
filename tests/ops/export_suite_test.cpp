// Every op, on each of its cases, leaves as an ONNX model that comes back with the same results.
// With SUAN_EXPORT_FOLDER set, the f32 models are written there with inputs and results, which
// tests/peers/export_test.py gives to ONNX Runtime.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "suan/base/file.h"
#include "suan/formats/npy.h"
#include "suan/formats/onnx/export.h"
#include "suan/formats/onnx/model.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

// As `<name>.onnx`, and its inputs and outputs as `<name>_<kind>_<i>.npy`.
void write_case(const std::string& name, const std::string& model, const std::vector<Array>& inputs,
                const std::vector<Array>& outputs) {
  const char* folder = std::getenv("SUAN_EXPORT_FOLDER");
  if (!folder) return;
  const std::string path = fmt::format("{}/{}", folder, name);
  write_file_atomically(path + ".onnx", model);
  const auto write = [&](const char* kind, const std::vector<Array>& arrays) {
    for (size_t i = 0; i < arrays.size(); ++i) {
      formats::write_npy(fmt::format("{}_{}_{}.npy", path, kind, i), arrays[i]);
    }
  };
  write("input", inputs);
  write("output", outputs);
}
// NumPy has no bf16 and nothing of less than a byte.
bool has_no_numpy_form(const std::vector<Array>& arrays) {
  return std::ranges::any_of(arrays, [](const Array& a) {
    return a.dtype == DType::bf16 || is_small_integer(a.dtype) || is_small_float(a.dtype);
  });
}

class Export : public testing::TestWithParam<NamedCases> {
 protected:
  void round_trip(const OpCase& c, DType dtype, Order order) const {
    const CaseGraphs g = build_case(c, dtype, order);
    const Graph& graph = order == Order::first ? g.gradient : g.forward;
    const auto inputs = with_weights(graph, make_inputs(c, dtype));
    const auto want = Runner(graph, reference_backend()).run(inputs);
    // Bits as another dtype, and integers of 2 and 4 bits, are newer than all else.
    constexpr std::string_view kNew[] = {"bitcast", "cast", "quantize", "dequantize"};
    const bool is_new = std::ranges::find(kNew, GetParam().name) != std::end(kNew);
    const std::string bytes = onnx::export_model(graph, {.opset = is_new ? 26 : 20}).bytes();
    const auto model = onnx::Model::parse(bytes, "exported");
    std::vector<onnx::Value> arguments;
    for (const Array& a : inputs) arguments.emplace_back(Tensor::from(a));
    const onnx::Specialised back = model->specialise(arguments);
    const auto got = Runner(back.graph, reference_backend()).run(inputs);
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(to_string(Type(got[i].dtype, got[i].shape)),
                to_string(Type(want[i].dtype, want[i].shape)));
      const double allowed = std::max(tolerance_of(dtype), tolerance_of(want[i].dtype));
      expect_close(numbers(got[i]), numbers(want[i]),
                   is_float(want[i].dtype) ? allowed * c.checks.tolerance : 0,
                   "output " + std::to_string(i));
    }
    if (dtype != DType::f32 || has_no_numpy_form(want) || has_no_numpy_form(inputs)) return;
    const size_t number = static_cast<size_t>(&c - GetParam().cases->cases.data());
    write_case(fmt::format("{}_{}", GetParam().name, number), bytes, inputs, want);
  }

  void round_trips(DType dtype, bool integers) const {
    SCOPED_TRACE(name(dtype));
    for (const OpCase& c : GetParam().cases->cases) {
      SCOPED_TRACE(c.name);
      if (integers && !c.checks.integers) continue;
      const bool gradient = !integers && has_gradient(c);
      try {
        round_trip(c, dtype, gradient ? Order::first : Order::forward);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
};

TEST_P(Export, ComesBackWithTheSameResultsInFloatDtypes) {
  for (DType dtype : {DType::f64, DType::f32, DType::bf16, DType::f16}) round_trips(dtype, false);
}

TEST_P(Export, ComesBackWithTheSameResultsInIntegerDtypes) {
  for (DType dtype : {DType::i64, DType::i32, DType::i8, DType::u8}) round_trips(dtype, true);
}

INSTANTIATE_TEST_SUITE_P(All, Export, testing::ValuesIn(all_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace suan
