// Engine files: what is read gives the bits that were compiled, each weight is there once, and no
// damage goes unseen. SPDX-License-Identifier: Apache-2.0
#include "suan/engine/engine_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "suan/base/string_pool.h"
#include "suan/engine/engine.h"
#include "suan/ops/leaf.h"
#include "suan/program/explain.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"
#include "tests/engine/models.h"
#include "tests/expect_error.h"
#include "tests/reproducible.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

using onnx::Value;

// Two convolutions, one 3x3 over 64 channels, a residual, a mean and a product: channels enough for
// weights to be packed. Without a batch, its size is open.
std::shared_ptr<const onnx::Model> small_convnet(int64_t batch = 0) {
  ModelBuilder b;
  if (batch) {
    b.input("x", {batch, 16, 12, 12});
  } else {
    b.input("x", {"batch", 16, 12, 12});
  }
  b.output("y").output("g");
  b.weights("w1", {64, 16, 1, 1}).weights("b1", {64}).weights("w2", {64, 64, 3, 3});
  b.weights("w3", {64, 10});
  b.node("Conv", {"x", "w1", "b1"}, {"a"}).node("Relu", {"a"}, {"b"});
  b.node("Conv", {"b", "w2"}, {"c"}).with("pads", {1, 1, 1, 1});
  b.node("Add", {"c", "b"}, {"d"}).node("Relu", {"d"}, {"e"});
  b.node("GlobalAveragePool", {"e"}, {"f"}).node("Flatten", {"f"}, {"g"});
  b.node("MatMul", {"g", "w3"}, {"y"});
  return b.model();
}
std::vector<Value> random_arguments(const Shape& shape) {
  return {Tensor::from(random_array(shape, 3))};
}

using Signatures = std::vector<std::vector<Type>>;
const Signatures kOne{{Type(DType::f32, {1, 16, 12, 12})}};
const Signatures kTwo{{Type(DType::f32, {2, 16, 12, 12})}};
const Signatures kFour{{Type(DType::f32, {4})}};

std::string bytes_of_array(const Array& array) { return {array.as<char>(), array.bytes()}; }

// The results of a program of an engine file, as bytes.
std::vector<std::string> run_program(const EngineFile& file, size_t index,
                                     const std::vector<Value>& arguments) {
  for (const PackedConstant& pack : file.packed) offer_pack(pack);
  RunContext context(Program::from_optimised(file.programs.at(index).graph, current_backend()));
  std::vector<BufferPtr> blocks;
  for (const Value& value : arguments) blocks.push_back(value.tensor.array().buffer);
  std::vector<std::string> results;
  for (const BufferPtr& block : context.run(blocks)) {
    results.emplace_back(block->as<char>(), block->bytes());
  }
  return results;
}
std::vector<std::string> run_engine(Engine& engine, const std::vector<Value>& arguments) {
  std::vector<std::string> results;
  for (const Value& value : engine.run(arguments)) {
    results.push_back(bytes_of_array(value.tensor.array()));
  }
  return results;
}
std::vector<std::string> run_model(const std::shared_ptr<const onnx::Model>& model,
                                   const std::vector<Value>& arguments) {
  Engine engine(model);
  return run_engine(engine, arguments);
}

EngineFile written_and_read(const EngineFile& file, const std::string& path) {
  write_engine_file(path, file);
  return read_engine_file(path);
}

TEST(EngineFile, GivesTheBitsThatWereCompiled) {
  const TempFolder folder;
  const auto model = small_convnet(1);
  const auto arguments = random_arguments({1, 16, 12, 12});
  const auto expected = run_model(model, arguments);
  EngineFile file = compile_engine_file(model, kOne);
  EXPECT_FALSE(file.model);
  const Array interpreted = model->interpret(arguments)[0].tensor.array();
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_NEAR(reinterpret_cast<const float*>(expected[0].data())[i], interpreted.as<float>()[i],
                1e-3);
  }
  const EngineFile packed = written_and_read(file, folder / "packed.suan");
  EXPECT_EQ(packed.packed.size(), file.packed.size());
  EXPECT_FALSE(packed.packed.empty());
  EXPECT_EQ(run_program(packed, 0, arguments), expected);
  file.packed.clear();
  const EngineFile plain = written_and_read(file, folder / "plain.suan");
  EXPECT_TRUE(plain.packed.empty());
  EXPECT_EQ(run_program(plain, 0, arguments), expected);
}

TEST(EngineFile, KeepsDescriptionsAndKernels) {
  const TempFolder folder;
  const auto model = small_convnet();
  const EngineFile made = compile_engine_file(model, kTwo);
  const EngineFile read = written_and_read(made, folder / "m.suan");
  EXPECT_EQ(read.machine, machine_key());
  EXPECT_EQ(read.kernels, made.kernels);
  ASSERT_EQ(read.inputs.size(), 1);
  EXPECT_EQ(read.inputs[0].name, "x");
  EXPECT_EQ(to_string(read.inputs[0].shape), "[batch, 16, 12, 12]");
  ASSERT_EQ(read.outputs.size(), 2);
  EXPECT_EQ(read.outputs[1].name, "g");
  ASSERT_EQ(read.programs.size(), 1);
  EXPECT_EQ(to_text(read.programs[0].graph), to_text(made.programs[0].graph));
  EXPECT_EQ(to_string(read.programs[0].outputs[0]), "f32[2, 10]");
}

// A constant that is packed reads as the plain one did: another machine packs it in its own way.
TEST(EngineFile, UnpacksConstantsThatAreReadPlain) {
  const TempFolder folder;
  const EngineFile made = compile_engine_file(small_convnet(1), kOne);
  const EngineFile read = written_and_read(made, folder / "m.suan");
  ASSERT_FALSE(read.packed.empty());
  for (const PackedConstant& pack : read.packed) {
    bool found = false;
    for (const PackedConstant& original : made.packed) {
      const size_t bytes = original.constant->bytes();
      found = found || (pack.constant->bytes() == bytes &&
                        std::memcmp(pack.constant->data(), original.constant->data(), bytes) == 0);
    }
    EXPECT_TRUE(found) << pack.form;
  }
}

TEST(EngineFile, StoresEachWeightOnceForAllPrograms) {
  const TempFolder folder;
  const auto model = small_convnet();
  const std::vector<std::vector<Type>> signatures{kOne[0], kTwo[0]};
  const EngineFile read =
      written_and_read(compile_engine_file(model, signatures), folder / "m.suan");
  const size_t weights = (64 * 16 + 64 + 64 * 64 * 9 + 64 * 10) * sizeof(float);
  EXPECT_LT(std::filesystem::file_size(folder / "m.suan"), weights * 5 / 4 + 20'000);
  for (size_t i = 0; i < 2; ++i) {
    const auto arguments = random_arguments(signatures[i][0].shape);
    EXPECT_EQ(run_program(read, i, arguments), run_model(model, arguments)) << i;
  }
}

TEST(EngineFile, HoldsTheModelForOtherShapes) {
  const TempFolder folder;
  const auto model = small_convnet();
  const EngineFile read = written_and_read(compile_engine_file(model, kOne), folder / "m.suan");
  ASSERT_TRUE(read.model);
  const auto arguments = random_arguments({5, 16, 12, 12});
  EXPECT_EQ(run_model(read.model, arguments), run_model(model, arguments));
}

TEST(EngineFile, HoldsOnlyTheModelWhereItsGraphDependsOnData) {
  const TempFolder folder;
  ModelBuilder b;
  b.input("x", {4}).output("y").node("NonZero", {"x"}, {"y"});
  const auto model = b.model();
  const EngineFile read = written_and_read(compile_engine_file(model, kFour), folder / "m.suan");
  EXPECT_TRUE(read.programs.empty());
  ASSERT_TRUE(read.model);
  EXPECT_EQ(to_string(read.model->interpret(random_arguments({4}))[0]), "i64[1, 4]");
}

Tensor texts(const std::vector<std::string>& values) {
  std::vector<StringId> ids;
  for (const std::string& v : values) ids.push_back(intern(v));
  return Tensor::from(Array::list(ids));
}

TEST(EngineFile, HoldsTextsAndStructures) {
  const TempFolder folder;
  EngineFile file;
  file.outputs.resize(5);
  EngineProgram program;
  program.outputs = {Value(texts({"", "text \"with\" quotes", "\n"})),
                     Value::sequence({Value(full(1, {2})), Value::optional({})}),
                     Value::optional({Value(Tensor::of<int64_t>({1, 2}, {2}))}),
                     Value::map(texts({"a", "b"}).array(), Tensor::of<float>({1, 2}, {2})),
                     Value()};
  for (const Value& value : program.outputs) {
    for_each_tensor(value, [&](const Tensor& t) { program.graph.outputs.push_back(t); });
  }
  file.programs = {program};
  const EngineFile read = written_and_read(file, folder / "m.suan");
  const auto& outputs = read.programs.at(0).outputs;
  ASSERT_EQ(outputs.size(), 5);
  EXPECT_EQ(text_of(outputs[0].tensor.array().as<StringId>()[1]), "text \"with\" quotes");
  EXPECT_EQ(to_string(outputs[1]), "sequence of 2");
  EXPECT_EQ(to_string(outputs[1].items[1]), "empty optional");
  EXPECT_EQ(to_string(outputs[2]), "optional i64[2]");
  EXPECT_EQ(text_of(outputs[3].keys.as<StringId>()[1]), "b");
  EXPECT_FALSE(outputs[4].present());
  EXPECT_EQ(run_program(read, 0, {}).size(), 4);
}

// The mapping is shared and read-only, and no weight was copied out of it.
TEST(EngineFile, SharesItsPages) {
  const TempFolder folder;
  const std::string path = folder / "m.suan";
  const EngineFile made = compile_engine_file(small_convnet(1), kOne);
  write_engine_file(path, made);
  const EngineFile first = read_engine_file(path), second = read_engine_file(path);
  std::ifstream maps("/proc/self/maps");
  int shared = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find(path) == std::string::npos) continue;
    EXPECT_NE(line.find(" r--s "), std::string::npos) << line;
    ++shared;
  }
  EXPECT_EQ(shared, 2);
  const BufferPtr owner = Buffer::copy_of(read_file(path).data(), read_file(path).size());
  for (const PackedConstant& pack : parse_engine_file(owner, "memory").packed) {
    EXPECT_GE(pack.packed->as<char>(), owner->as<char>());
    EXPECT_LE(pack.packed->as<char>() + pack.packed->bytes(), owner->as<char>() + owner->bytes());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(pack.packed->data()) % 64, 0);
  }
}

TEST(EngineFile, LoadsAsAnEngine) {
  const TempFolder folder;
  const std::string path = folder / "m.suan";
  const auto model = small_convnet();
  const auto compiled = random_arguments({2, 16, 12, 12}),
             other = random_arguments({5, 16, 12, 12});
  write_engine_file(path, compile_engine_file(model, kTwo));
  const auto engine = Engine::load(path);
  EXPECT_EQ(engine->programs(), 1);
  EXPECT_EQ(run_engine(*engine, compiled), run_model(model, compiled));
  EXPECT_EQ(engine->programs(), 1);
  EXPECT_EQ(run_engine(*engine, other), run_model(model, other));
}

// Its programs are planned anew, so whatever limit they were compiled under, that of now holds.
TEST(EngineFile, KeepsToTheMemoryLimit) {
  const Reproducible kernels;  // what weights take depends on them
  const TempFolder folder;
  const std::string path = folder / "m.suan";
  const Signatures three{{Type(DType::f32, {3, 16, 12, 12})}};  // that no other test has measured
  write_engine_file(path, compile_engine_file(small_convnet(3), three));
  EXPECT_EQ(Engine::load(path, {.limits = {.memory = 4'000'000}})->programs(), 1);
  try {
    Engine::load(path, {.limits = {.memory = 400'000}});
    ADD_FAILURE();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("program: ")) << text;  // its weights or all of it: by kernels
    EXPECT_NE(text.find(" over the limit of 400000"), std::string::npos) << text;
  }
}

TEST(EngineFile, WithoutAModelRunsWhatItWasCompiledFor) {
  const TempFolder folder;
  const std::string path = folder / "m.suan";
  const auto model = small_convnet(1);
  write_engine_file(path, compile_engine_file(model, kOne));
  const auto engine = Engine::load(path);
  const auto arguments = random_arguments({1, 16, 12, 12});
  EXPECT_EQ(run_engine(*engine, arguments), run_model(model, arguments));
  EXPECT_ERROR(engine->run(random_arguments({2, 16, 12, 12})), kUnsupported,
               "engine: there is no program for f32[2, 16, 12, 12], and no model to compile");
  EXPECT_ERROR(Engine::load(path, {.interpret = true}), kInvalidArgument,
               path + ": holds programs alone, without the model to interpret it");
  EXPECT_ERROR(Engine::load(path, {.without = {"fuse"}}), kInvalidArgument,
               path + ": holds programs alone, without the model to compile it");
}

// On another machine nothing of the record is taken, and one line says why.
TEST(EngineFile, ChoosesKernelsAgainOnAnotherMachine) {
  const TempFolder folder;
  EngineFile file = compile_engine_file(small_convnet(1), kOne);
  const auto expected = run_model(small_convnet(1), random_arguments({1, 16, 12, 12}));
  file.machine = "an abacus, 2 threads";
  file.kernels = "this would be refused";
  write_engine_file(folder / "m.suan", file);
  testing::internal::CaptureStderr();
  const auto engine = Engine::load(folder / "m.suan");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said, fmt::format("suan: warning: {}: its kernels were chosen on 'an abacus, 2 "
                              "threads', are chosen again on '{}'\n",
                              folder / "m.suan", machine_key()));
  EXPECT_EQ(run_engine(*engine, random_arguments({1, 16, 12, 12})), expected);
  file.machine = machine_key();
  write_engine_file(folder / "m.suan", file);
  EXPECT_ERROR(Engine::load(folder / "m.suan"), kBadFile,
               fmt::format("{}:1: got 'this would be refused', expected a node, a tab and a kernel",
                           folder / "m.suan"));
}

std::string program_text(Engine& engine, int64_t batch) {
  return explain(*engine.program(random_arguments({batch, 16, 12, 12})), false);
}

TEST(EngineFile, RunsWithAsLittleMemoryAsItWasCompiledFor) {
  const Reproducible reproducible;
  const TempFolder folder;
  const auto model = small_convnet();
  const Signatures three{{Type(DType::f32, {3, 16, 12, 12})}};  // kernels not chosen elsewhere
  write_engine_file(folder / "m.suan", compile_engine_file(model, three));
  write_engine_file(folder / "s.suan", compile_engine_file(model, three, {.small_memory = true}));
  EXPECT_TRUE(read_engine_file(folder / "s.suan").small_memory);
  const auto hungry = Engine::load(folder / "m.suan"), small = Engine::load(folder / "s.suan"),
             asked = Engine::load(folder / "m.suan", {.small_memory = true});
  if (isa_flags().find("avx512f") != std::string::npos) {
    EXPECT_NE(program_text(*hungry, 3).find("winograd"), std::string::npos);
  }
  for (const int64_t batch : {3, 7}) {  // what it was compiled for, and what the model is for
    EXPECT_EQ(program_text(*small, batch).find("winograd"), std::string::npos);
    EXPECT_EQ(program_text(*asked, batch).find("winograd"), std::string::npos);
  }
}

TEST(EngineFile, LeavesOutTheSamePassesForOtherShapes) {
  const TempFolder folder;
  const std::vector<std::string> without{"fuse", "fuse_tails", "assign_layouts"};
  const auto model = small_convnet();
  write_engine_file(folder / "m.suan", compile_engine_file(model, kOne));
  write_engine_file(folder / "n.suan", compile_engine_file(model, kOne, {.without = without}));
  EXPECT_EQ(read_engine_file(folder / "n.suan").without, without);
  const auto whole = Engine::load(folder / "m.suan"), plain = Engine::load(folder / "n.suan"),
             asked = Engine::load(folder / "m.suan", {.without = without});
  EXPECT_EQ(plain->programs(), 1);
  EXPECT_EQ(asked->programs(), 0);
  for (const int64_t batch : {1, 5}) {
    EXPECT_NE(program_text(*whole, batch).find("fused"), std::string::npos);
    for (Engine* engine : {plain.get(), asked.get()}) {
      EXPECT_EQ(program_text(*engine, batch).find("fused"), std::string::npos);
      EXPECT_EQ(program_text(*engine, batch).find("blocked16"), std::string::npos);
    }
  }
}

TEST(EngineFile, ExactOnesAreRunInExactMode) {
  const TempFolder folder;
  EngineFile file = compile_engine_file(small_convnet(1), kOne);
  file.exact = true;
  write_engine_file(folder / "m.suan", file);
  EXPECT_ERROR(
      Engine::load(folder / "m.suan"), kInvalidArgument,
      folder / "m.suan" + ": was compiled in exact mode, expected to run in it too (--exact)");
}

class DamagedEngineFile : public testing::Test {
 protected:
  DamagedEngineFile() {
    const TempFolder folder;
    write_engine_file(folder / "m.suan", compile_engine_file(small_convnet(), kOne));
    whole_ = read_file(folder / "m.suan");
  }
  static std::string error_of(const std::string& bytes) {
    try {
      parse_engine_file(Buffer::copy_of(bytes.data(), bytes.size()), "m.suan");
      return "";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kBadFile) << error.what();
      return error.what();
    }
  }
  std::string whole_;
};

TEST_F(DamagedEngineFile, IsRefusedWhereverItIsCut) {
  EXPECT_EQ(error_of(whole_), "");
  for (size_t size = 0; size < whole_.size(); size += 1 + size / 97) {
    EXPECT_NE(error_of(whole_.substr(0, size)), "") << size;
  }
  EXPECT_EQ(error_of(whole_ + '\0'), fmt::format("m.suan: has {} bytes, its header says {}",
                                                 whole_.size() + 1, whole_.size()));
}

TEST_F(DamagedEngineFile, IsRefusedWhicheverBitFlips) {
  for (size_t at = 0; at < whole_.size(); at += 1 + at / 201) {
    std::string damaged = whole_;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    EXPECT_NE(error_of(damaged), "") << at;
  }
}

TEST_F(DamagedEngineFile, IsNamedAsWhatItIs) {
  EXPECT_EQ(error_of("nonsense"), "m.suan: is no engine file");
  std::string other = whole_;
  other[8] = 9;
  EXPECT_EQ(error_of(other),
            "m.suan: is an engine file of version 9, expected 2: compile the model again");
  std::string weight = whole_;
  weight[whole_.size() - 5] ^= 1;
  EXPECT_NE(error_of(weight).find("the checksum of constant"), std::string::npos);
}

}  // namespace
}  // namespace suan
