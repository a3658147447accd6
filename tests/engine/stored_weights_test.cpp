// Engine files of weights that are multiplied as they are stored: 4 bits a weight in the file too,
// and the same bits after loading.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "suan/base/random.h"
#include "suan/engine/engine_file.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/gather.h"
#include "suan/ops/leaf.h"
#include "suan/ops/matmul.h"
#include "suan/ops/quantize.h"
#include "suan/program/explain.h"
#include "tests/engine/models.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

constexpr int64_t kWords = 1000, kWidth = 256, kBlock = 64;

Tensor random_constant(DType dtype, const Shape& shape, uint64_t seed) {
  Random random(seed);
  const BufferPtr buffer = Buffer::allocate(static_cast<size_t>(shape.numel()) * size_of(dtype));
  for (int64_t i = 0; i < shape.numel(); ++i) {
    const double u = random.uniform();
    if (dtype == DType::f32) {
      buffer->as<float>()[i] = static_cast<float>(0.01 + 0.02 * u);
    } else {
      const IntegerRange range = integer_range(dtype);
      buffer->as<uint8_t>()[i] =
          static_cast<uint8_t>(static_cast<int>(range.low + u * (range.high - range.low + 1)));
    }
  }
  return make_constant(Type(dtype, shape), buffer);
}

// An embedding, a layer and the output that is tied to the embedding.
Graph tied_graph(DType dtype, bool zeros) {
  const auto weights = [&](int64_t n, uint64_t seed) {
    const Shape blocks{n, kWidth / kBlock};
    return dequantize(
        random_constant(dtype, {n, kWidth}, seed), random_constant(DType::f32, blocks, seed + 1),
        zeros ? random_constant(dtype, blocks, seed + 2) : Tensor(), {.axis = 1, .block = kBlock});
  };
  Graph graph;
  graph.inputs = {make_input({DType::i64, {1, 3}}, "ids")};
  const Tensor table = weights(kWords, 1);
  const Tensor x = gather(table, graph.inputs[0]);
  const Tensor y = gelu(matmul(x, weights(kWidth, 5), false, true));
  graph.outputs = {matmul(y + x, table, false, true)};
  return graph;
}

std::string run(const ProgramPtr& program) {
  const int64_t ids[] = {0, 999, -17};
  RunContext context(program);
  const BufferPtr inputs[] = {Buffer::copy_of(ids, sizeof ids)};
  const BufferPtr y = context.run(inputs)[0];
  return {y->as<char>(), y->bytes()};
}

EngineFile file_of(const ProgramPtr& program) {
  EngineFile file;
  file.inputs = {
      {.name = "ids", .typed = true, .ranked = true, .dtype = DType::i64, .shape = {1, 3}}};
  file.outputs = {{.name = "y"}};
  onnx::Value y;
  y.tensor = program->graph().outputs[0];
  file.programs = {{without_layouts(program->graph()), {y}}};
  file.packed = storable_packs(std::span(&program, 1));
  file.machine = machine_key();
  return file;
}

// What the weights, their scales and their zero points take as kernels read them. The table's
// scales are there twice: as the embedding gathers them too.
size_t stored_bytes(DType dtype, bool zeros) {
  const size_t weights = (kWords + kWidth) * kWidth, padding = (1008 - kWords) * kWidth;
  const bool half = dtype == DType::i4 || dtype == DType::u4;
  const size_t blocks = (2 * kWords + kWidth + 8) * kWidth / kBlock;
  return (weights + padding) / (half ? 2 : 1) + blocks * (sizeof(float) + (zeros ? 1 : 0));
}

TEST(StoredWeights, AnEmbeddingAndItsTiedOutputShareOneBlock) {
  for (const DType dtype : {DType::i4, DType::u4, DType::i8, DType::u8}) {
    for (const bool zeros : {false, true}) {
      const ProgramPtr program = Program::build(tied_graph(dtype, zeros), cpu_backend());
      EXPECT_EQ(measure_size(*program).constant_bytes, stored_bytes(dtype, zeros))
          << explain(*program, true);
      int products = 0, gathers = 0;
      for (const StepInfo& step : explain_steps(*program)) {
        products += step.kernel == "cpu_weight_only";
        gathers += step.kernel == "cpu_packed_gather";
      }
      EXPECT_EQ(products, 2) << explain(*program, true);
      EXPECT_GE(gathers, 1) << explain(*program, true);
    }
  }
}

TEST(StoredWeights, AFileOfThemGivesTheSameBits) {
  for (const DType dtype : {DType::i4, DType::u4, DType::i8, DType::u8}) {
    for (const bool zeros : {false, true}) {
      const TempFolder folder;
      const std::string path = folder / "m.suan";
      std::string expected;
      {
        const ProgramPtr program = Program::build(tied_graph(dtype, zeros), cpu_backend());
        expected = run(program);
        write_engine_file(path, file_of(program));
      }
      EXPECT_LT(std::filesystem::file_size(path), stored_bytes(dtype, zeros) + 10'000);
      const EngineFile read = read_engine_file(path);
      for (const PackedConstant& pack : read.packed) offer_pack(pack);
      const ProgramPtr program = Program::from_optimised(read.programs[0].graph, cpu_backend());
      EXPECT_EQ(run(program), expected);
      for (const PackedConstant& pack : read.packed) {
        EXPECT_FALSE(pack.constant->is_made()) << pack.form;
      }
    }
  }
}

// As on a machine that packs in its own way.
TEST(StoredWeights, AFileOfThemGivesThePlainWeightsToo) {
  const TempFolder folder;
  const std::string path = folder / "m.suan";
  const Graph graph = tied_graph(DType::i4, true);
  const ProgramPtr program = Program::build(graph, cpu_backend());
  write_engine_file(path, file_of(program));
  const EngineFile read = read_engine_file(path);
  size_t found = 0;
  for (const PackedConstant& pack : read.packed) {
    for (const NodePtr& node : graph.nodes()) {
      if (node->values.empty() || node->values[0]->bytes() != pack.constant->bytes()) continue;
      found +=
          std::memcmp(node->values[0]->data(), pack.constant->data(), pack.constant->bytes()) == 0;
    }
  }
  EXPECT_EQ(found, read.packed.size());
  EXPECT_GE(found, 4U);
}

::onnx::TensorProto& add_weights(::onnx::ModelProto& proto, const char* name, int64_t rows) {
  auto& t = *proto.mutable_graph()->add_initializer();
  t.set_name(name);
  t.add_dims(rows);
  t.add_dims(kWidth);
  return t;
}

// y = x dequantize(w): w of 4 bits in blocks along the first axis.
std::string four_bit_model() {
  constexpr int64_t kRows = 1024;
  ::onnx::ModelProto proto;
  proto.set_ir_version(10);
  proto.add_opset_import()->set_version(21);
  proto.mutable_graph()->set_name("test");
  auto& w = add_weights(proto, "w", kRows);
  w.set_data_type(22);  // INT4, which this header has not
  std::string bytes(kRows * kWidth / 2, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 64);
  w.set_raw_data(bytes);
  auto& scale = add_weights(proto, "scale", kRows / kBlock);
  scale.set_data_type(::onnx::TensorProto::FLOAT);
  for (int64_t i = 0; i < kRows / kBlock * kWidth; ++i) scale.add_float_data(0.01F);
  const auto add = [&](const char* op, std::initializer_list<const char*> in, const char* out) {
    auto& node = *proto.mutable_graph()->add_node();
    node.set_op_type(op);
    for (const char* name : in) node.add_input(name);
    node.add_output(out);
    return &node;
  };
  auto* dequantize = add("DequantizeLinear", {"w", "scale"}, "f");
  for (const auto& [name, value] : {std::pair("axis", int64_t{0}), {"block_size", kBlock}}) {
    auto& a = *dequantize->add_attribute();
    a.set_name(name);
    a.set_type(::onnx::AttributeProto::INT);
    a.set_i(value);
  }
  add("MatMul", {"x", "f"}, "y");
  auto& input = *proto.mutable_graph()->add_input();
  input.set_name("x");
  auto& type = *input.mutable_type()->mutable_tensor_type();
  type.set_elem_type(::onnx::TensorProto::FLOAT);
  for (const int64_t size : {int64_t{1}, kRows})
    type.mutable_shape()->add_dim()->set_dim_value(size);
  proto.mutable_graph()->add_output()->set_name("y");
  return proto.SerializeAsString();
}

TEST(StoredWeights, OfAModelFileAreNeverPlain) {
  const TempFolder folder;
  std::ofstream(folder / "m.onnx") << four_bit_model();
  const auto model = onnx::Model::load(folder / "m.onnx");
  Engine engine(model);
  const std::vector<onnx::Value> x{Tensor::from(random_array({1, 1024}, 3))};
  const std::vector<float> got = floats_of(engine.run(x)[0]);
  const ProgramPtr program = engine.program(x);
  EXPECT_EQ(explain_steps(*program).size(), 1U);
  EXPECT_EQ(explain_steps(*program)[0].kernel, "cpu_weight_only") << explain(*program, true);
  for (const auto& [name, array] : model->initializers()) {
    EXPECT_TRUE(array.dtype != DType::i4 || !array.buffer->is_made()) << name;
  }
  const std::vector<float> want = floats_of(model->interpret(x)[0]);
  float most = 0;
  for (const float v : want) most = std::max(most, std::abs(v));
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5 * most);
}

}  // namespace
}  // namespace suan
