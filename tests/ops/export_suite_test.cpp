// Every op, on each of its cases, leaves as an ONNX model that comes back with the same results.
// With SUAN_EXPORT_FOLDER set, the f32 models are written there as ONNX test-data folders, which
// tests/peers/export_test.py gives to ONNX Runtime.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "suan/base/file.h"
#include "suan/formats/onnx/export.h"
#include "suan/formats/onnx/internal/tensor_proto.h"
#include "suan/formats/onnx/model.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

namespace fs = std::filesystem;

void write_arrays(const fs::path& folder, const char* kind, const std::vector<Array>& arrays) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    ::onnx::TensorProto proto;
    onnx::write_tensor(proto, arrays[i]);
    write_file_atomically((folder / fmt::format("{}_{}.pb", kind, i)).string(),
                          proto.SerializeAsString());
  }
}

void write_folder(const std::string& name, const std::string& model,
                  const std::vector<Array>& inputs, const std::vector<Array>& outputs) {
  const char* root = std::getenv("SUAN_EXPORT_FOLDER");
  if (!root) return;
  const fs::path folder = fs::path(root) / name, data = folder / "test_data_set_0";
  fs::create_directories(data);
  write_file_atomically((folder / "model.onnx").string(), model);
  write_arrays(data, "input", inputs);
  write_arrays(data, "output", outputs);
}

class Export : public testing::TestWithParam<NamedCases> {
 protected:
  void round_trip(const OpCase& c, DType dtype, Order order) const {
    const CaseGraphs g = build_case(c, dtype, order);
    const Graph& graph = order == Order::first ? g.gradient : g.forward;
    const auto inputs = with_weights(graph, make_inputs(c, dtype));
    const auto want = Runner(graph, reference_backend()).run(inputs);
    // Bits as another dtype, and integers of 2 bits, are newer than all else.
    const bool is_new = GetParam().name == "bitcast" || GetParam().name == "cast";
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
    if (dtype != DType::f32) return;
    const size_t number = static_cast<size_t>(&c - GetParam().cases->cases.data());
    write_folder(fmt::format("{}_{}", GetParam().name, number), bytes, inputs, want);
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
