// Engines: several threads, memory of the caller, how many programs are kept, and buckets.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/engine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "suan/tensor/compile.h"
#include "tests/engine/models.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

std::vector<onnx::Value> rows(int64_t batch, uint64_t seed = 1) {
  return {Tensor::from(random_array({batch, 16}, seed))};
}
std::vector<float> expected(const std::shared_ptr<const onnx::Model>& model,
                            const std::vector<onnx::Value>& arguments) {
  return floats_of(model->interpret(arguments)[0]);
}
void expect_near(const std::vector<float>& got, const std::vector<float>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-5) << i;
}
Binding bound(const Array& array) {
  return {{array.dtype, array.shape}, array.buffer->data(), array.bytes(), nullptr};
}
Binding bound(const onnx::Value& value) { return bound(value.tensor.array()); }

TEST(Engine, SeveralThreadsGetTheSameResults) {
  const auto model = perceptron().model();
  Engine engine(model);
  constexpr int kThreads = 4, kRuns = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRuns; ++i) {
        const auto arguments = rows(1 + (t + i) % 5, static_cast<uint64_t>(t * kRuns + i));
        expect_near(floats_of(engine.run(arguments)[0]), expected(model, arguments));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(engine.programs(), 5u);
}

TEST(Engine, WritesToMemoryOfTheCallerWhateverItsAlignment) {
  const auto model = perceptron().model();
  Engine engine(model);
  const auto arguments = rows(3);
  const auto want = expected(model, arguments);
  std::vector<float> memory(3 * 5 + 16, -7);
  for (size_t offset : {0u, 1u, 3u}) {
    const Binding in = bound(arguments[0]);
    Binding out{.data = memory.data() + offset, .bytes = 3 * 5 * sizeof(float)};
    engine.run({&in, 1}, {&out, 1});
    EXPECT_EQ(out.type, Type(DType::f32, {3, 5}));
    EXPECT_EQ(out.data, memory.data() + offset);
    expect_near({memory.begin() + static_cast<std::ptrdiff_t>(offset),
                 memory.begin() + static_cast<std::ptrdiff_t>(offset) + 15},
                want);
    EXPECT_EQ(memory[offset + 15], -7);  // nothing behind it
  }
  const Binding in = bound(arguments[0]);
  Binding out;
  engine.run({&in, 1}, {&out, 1});  // the engine's memory
  EXPECT_EQ(out.bytes, 15 * sizeof(float));
  expect_near({static_cast<float*>(out.data), static_cast<float*>(out.data) + 15}, want);
}

TEST(Engine, AnOutputMayBeWantedTwice) {
  ModelBuilder b;
  b.input("x", {4}).output("y").output("z").output("x");
  b.node("Relu", {"x"}, {"y"}).node("Identity", {"y"}, {"z"});
  Engine engine(b.model());
  const Array x = Array::list<float>({-1, 2, -3, 4});
  for (const bool both : {true, false}) {
    const Binding in = bound(x);
    std::vector<float> y(4), z(4);
    Binding out[3];
    out[0] = {.data = y.data(), .bytes = 16};
    if (both) out[1] = {.data = z.data(), .bytes = 16};
    engine.run({&in, 1}, out);
    EXPECT_EQ(y, (std::vector<float>{0, 2, 0, 4}));
    const auto* second = static_cast<float*>(out[1].data);
    EXPECT_EQ(std::vector<float>(second, second + 4), y);
    EXPECT_EQ(static_cast<float*>(out[2].data)[2], -3);
  }
}

TEST(Engine, RefusesBindingsThatDoNotFit) {
  Engine engine(perceptron().model());
  const Array x = random_array({3, 16}, 1);
  Binding in = bound(x), out;
  EXPECT_ERROR(engine.run({}, {&out, 1}), kInvalidArgument, "input: got 0 values, expected 1");
  EXPECT_ERROR(engine.run({&in, 1}, {}), kInvalidArgument, "output: got 0 bindings, expected 1");
  in.bytes = 100;
  EXPECT_ERROR(engine.run({&in, 1}, {&out, 1}), kInvalidArgument,
               "input: 'x' is f32[3, 16] and takes 192 bytes, got 100");
  in = bound(x);
  std::vector<float> memory(14);
  out = {.data = memory.data(), .bytes = 56};
  EXPECT_ERROR(engine.run({&in, 1}, {&out, 1}), kInvalidArgument,
               "output: 0 is f32[3, 5] and takes 60 bytes, got memory for 56");
  in = bound(random_array({3, 17}, 1));
  EXPECT_ERROR(engine.run({&in, 1}, {&out, 1}), kInvalidArgument,
               "input: 'x' is f32[3, 17], expected f32[batch, 16]");
}

TEST(Engine, KeepsNoMoreProgramsThanAskedFor) {
  const auto model = perceptron().model();
  Engine engine(model, {.programs = 2, .batch_buckets = false});
  for (int round = 0; round < 2; ++round) {
    for (int64_t batch : {1, 2, 3}) {
      const auto arguments = rows(batch);
      expect_near(floats_of(engine.run(arguments)[0]), expected(model, arguments));
      EXPECT_EQ(engine.programs(), std::min<size_t>(2, round ? 2 : static_cast<size_t>(batch)));
    }
  }
  const ProgramPtr last = engine.program(rows(3));
  engine.program(rows(1));
  EXPECT_EQ(engine.program(rows(3)), last);  // used last but one, so it stayed
}

TEST(Engine, BatchesShareBucketsWithTheSameResults) {
  const auto model = perceptron().model();
  Engine engine(model, {.background = false});
  engine.run(rows(1));
  for (int64_t batch = 1; batch <= 40; ++batch) {
    const auto arguments = rows(batch, static_cast<uint64_t>(batch));
    const auto outputs = engine.run(arguments);
    EXPECT_EQ(outputs[0].tensor.shape(), (Shape{batch, 5}));
    expect_near(floats_of(outputs[0]), expected(model, arguments));
  }
  EXPECT_EQ(engine.program(rows(9)), engine.program(rows(10)));
  EXPECT_NE(engine.program(rows(10)), engine.program(rows(11)));
  EXPECT_EQ(engine.programs(), 17u);  // 1 to 8, 10, 12, 14, 16, 20, 24, 28, 32, 40
}

TEST(Engine, BatchesThatAreMixedGetProgramsOfTheirOwn) {
  ModelBuilder b;
  b.input("x", {"batch", 16}).output("y");
  b.node("ReduceMean", {"x"}, {"m"}).with("axes", {0}).node("Sub", {"x", "m"}, {"y"});
  const auto model = b.model();
  Engine engine(model, {.background = false});
  for (int64_t batch : {9, 10, 11}) {
    const auto arguments = rows(batch);
    expect_near(floats_of(engine.run(arguments)[0]), expected(model, arguments));
  }
  EXPECT_EQ(engine.programs(), 3u);
}

TEST(Engine, RefusesToPadAnAxisThatIsNotIndependent) {
  ModelBuilder b;
  b.input("x", {"batch", 16}).output("y").node("Softmax", {"x"}, {"y"}).with("axis", 0);
  Engine engine(b.model(), {.pad = {parse_pad_rule("batch:8")}});
  EXPECT_ERROR(
      engine.run(rows(3)), kUnsupported,
      "pad: 'batch' cannot be padded without a mask: 'softmax' to f32[8, 16] does not keep "
      "its slices apart");
}

TEST(Engine, RefusesRulesThatDoNotFitTheModel) {
  const auto model = attention().model();
  const auto make = [&](const char* rule) { Engine(model, {.pad = {parse_pad_rule(rule)}}); };
  EXPECT_ERROR(make("sec=mask"), kInvalidArgument,
               "pad: there is no open size 'sec', did you mean 'seq'?");
  EXPECT_ERROR(make("seq=task"), kInvalidArgument,
               "pad: there is no input 'task', did you mean 'mask'?");
  ModelBuilder b;
  b.input("x", {"n"}).input("m", {4}).output("y").node("Add", {"x", "m"}, {"y"});
  EXPECT_ERROR(Engine(b.model(), {.pad = {parse_pad_rule("n=m")}}), kInvalidArgument,
               "pad: the mask 'm' has no size 'n'");
}

TEST(Engine, PadsASequenceByItsMask) {
  const auto model = attention().model();
  Engine engine(model, {.pad = {parse_pad_rule("seq=mask:24")}, .background = false});
  for (int64_t length = 1; length <= 24; ++length) {
    const auto arguments = sentence(2, length, static_cast<uint64_t>(length));
    const auto outputs = engine.run(arguments);
    EXPECT_EQ(outputs[0].tensor.shape(), (Shape{2, length, 8}));
    expect_near(floats_of(outputs[0]), expected(model, arguments));
  }
  EXPECT_EQ(engine.programs(), 14u);  // 1 to 8, 10, 12, 14, 16, 20, 24
  EXPECT_ERROR(engine.run(sentence(2, 25, 1)), kInvalidArgument,
               "input: 'seq' is 25, expected at most its bound 24");
  auto unequal = sentence(2, 5, 1);
  unequal[1] = sentence(2, 6, 1)[1];
  EXPECT_ERROR(engine.run(unequal), kInvalidArgument,
               "input: the inputs have sizes 5 and 6 for 'seq', expected one");
}

TEST(Engine, PadsSequenceAndBatchAtOnceIntoMemoryOfTheCaller) {
  const auto model = attention().model();
  Engine engine(model, {.pad = {parse_pad_rule("seq=mask:16")}, .background = false});
  engine.run(sentence(1, 3, 1));
  const auto arguments = sentence(9, 13, 2);
  std::vector<float> memory(9 * 13 * 8);
  const Binding in[2] = {bound(arguments[0]), bound(arguments[1])};
  Binding out{.data = memory.data(), .bytes = memory.size() * sizeof(float)};
  engine.run(in, {&out, 1});
  EXPECT_EQ(out.type.shape, (Shape{9, 13, 8}));
  expect_near(memory, expected(model, arguments));
  EXPECT_EQ(engine.program(arguments)->graph().inputs[0].shape(), (Shape{10, 14}));
}

TEST(Engine, TheLargestProgramServesUntilABetterOneIsThere) {
  const auto model = attention().model();
  Engine engine(model, {.pad = {parse_pad_rule("seq=mask:32")}});
  const auto length_of = [&](const std::vector<onnx::Value>& arguments) {
    return engine.program(arguments)->graph().inputs[0].shape()[1];
  };
  const auto arguments = sentence(1, 9, 4);
  EXPECT_EQ(length_of(arguments), 32);  // compiled first
  expect_near(floats_of(engine.run(arguments)[0]), expected(model, arguments));
  engine.finish_background();
  EXPECT_EQ(length_of(arguments), 10);
  expect_near(floats_of(engine.run(arguments)[0]), expected(model, arguments));
  EXPECT_EQ(length_of(sentence(1, 30, 4)), 32);
  engine.finish_background();
  EXPECT_EQ(engine.programs(), 2u);
}

TEST(Engine, CanBePreparedForItsBounds) {
  Engine bounded(perceptron().model(), {.pad = {parse_pad_rule("batch:12")}});
  bounded.prepare();
  EXPECT_EQ(bounded.programs(), 1u);
  EXPECT_EQ(bounded.program(rows(3))->graph().inputs[0].shape(), (Shape{12, 16}));
  Engine sentences(attention().model(), {.pad = {parse_pad_rule("seq=mask:12")}});
  sentences.prepare();
  EXPECT_EQ(sentences.program(sentence(1, 5, 1))->graph().inputs[0].shape(), (Shape{1, 12}));
  Engine open(attention().model());
  open.prepare();
  EXPECT_EQ(open.programs(), 0u);
}

TEST(Engine, AnAxisThatMakesAnotherIsNotPadded) {
  ModelBuilder b;  // y is twice as long as the sequence
  b.input("x", {1, "seq"}).input("m", {1, "seq"}).output("y");
  b.node("Mul", {"x", "m"}, {"k"}).node("Concat", {"k", "k"}, {"y"}).with("axis", 1);
  Engine engine(b.model(), {.pad = {parse_pad_rule("seq=m:8")}});
  const std::vector<onnx::Value> arguments(2, Tensor::from(random_array({1, 3}, 1)));
  EXPECT_ERROR(
      engine.run(arguments), kUnsupported,
      "pad: 'seq' cannot be padded: output 0 is f32[1, 16] for seq = 8 and f32[1, 14] for 7");
}

TEST(Engine, RunsReadyProgramsWithoutAModel) {
  const auto model = perceptron().model();
  onnx::Specialised made = model->specialise(rows(3));
  const ProgramPtr program = Program::build(made.graph, current_backend());
  Engine engine(model->inputs(), model->outputs());
  engine.add({Type(DType::f32, {3, 16})}, made.outputs, program);
  expect_near(floats_of(engine.run(rows(3))[0]), expected(model, rows(3)));
  EXPECT_ERROR(engine.run(rows(4)), kUnsupported,
               "engine: there is no program for f32[4, 16], and no model to compile");
}

TEST(Engine, InterpretsWhatDependsOnData) {
  ModelBuilder b;
  b.input("x", {4}).output("y").node("NonZero", {"x"}, {"y"});
  Engine engine(b.model());
  const std::vector<onnx::Value> arguments{Tensor::from(Array::list<float>({0, 5, 0, 7}))};
  EXPECT_EQ(engine.program(arguments), nullptr);
  EXPECT_NE(engine.interpreted_because(arguments).find("NonZero"), std::string::npos);
  const Binding in = bound(arguments[0]);
  Binding out;
  engine.run({&in, 1}, {&out, 1});
  EXPECT_EQ(out.type, Type(DType::i64, {1, 2}));
  EXPECT_EQ(static_cast<int64_t*>(out.data)[1], 3);
}

}  // namespace
}  // namespace suan
