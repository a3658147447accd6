// Exports of whole graphs: training steps, any batch size, large models, and what cannot leave.
// Single ops are tests/ops/export_suite_test.cpp's.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/export.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "suan/base/random.h"
#include "suan/base/string_pool.h"
#include "suan/engine/engine.h"
#include "suan/models/gpt.h"
#include "suan/nn/nn.h"
#include "suan/ops/arange.h"
#include "suan/ops/bitwise.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/fused.h"
#include "suan/ops/gather.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"
#include "suan/optim/optim.h"
#include "suan/tensor/compile.h"
#include "suan/tensor/trace_function.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::onnx {
namespace {

Array random_array(const Shape& shape, uint64_t seed) {
  Array array(DType::f32, shape);
  Random random(seed);
  for (float& v : array.span<float>()) v = random.normal();
  return array;
}
Array texts_of(const std::vector<std::string>& texts) {
  std::vector<StringId> ids;
  for (const std::string& text : texts) ids.push_back(intern(text));
  return Array::list(ids);
}
Array labels_of(int64_t count, int64_t classes) {
  Array array(DType::i64, {count});
  for (int64_t i = 0; i < count; ++i) array.as<int64_t>()[i] = i % classes;
  return array;
}

std::vector<Array> run_model(const std::shared_ptr<const Model>& model,
                             const std::vector<Array>& inputs) {
  std::vector<Value> arguments;
  for (const Array& a : inputs) arguments.emplace_back(Tensor::from(a));
  Engine engine(model);
  std::vector<Array> outputs;
  for (const Value& value : engine.run(arguments)) outputs.push_back(value.tensor.array());
  EXPECT_EQ(engine.interpreted_because(arguments), "");
  return outputs;
}
std::shared_ptr<const Model> back(const ExportedModel& exported) {
  return Model::parse(exported.bytes(), "exported");
}

void expect_near(const Array& got, const Array& want, double tolerance) {
  EXPECT_EQ(to_string(got.shape), to_string(want.shape));
  const auto a = got.to_vector<double>(), b = want.to_vector<double>();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0, std::abs(b[i]))) << i;
  }
}

// Convolution, batch norm, pooling, dropout, a linear layer, and everything that trains them.
struct SmallNet : nn::Module {
  nn::Conv2d conv{1, 4, {.kernel = 3, .padding = 1, .bias = false}};
  nn::BatchNorm2d norm{4};
  nn::Dropout dropout{0.25};
  nn::Linear out{64, 5};
  SUAN_MEMBERS(conv, norm, dropout, out)

  Tensor operator()(const Tensor& x) {
    return out(dropout(flatten(max_pool2d(relu(norm(conv(x))), 2))));
  }
};

using Function = CompiledFunction::Traced;

struct Training {
  Graph graph(int64_t batch) const {
    return trace_function(step, {{DType::f32, {batch, 1, 8, 8}}, {DType::i64, {batch}}}).graph;
  }
  SmallNet net;
  optim::Adam optimizer{net.parameters(), optim::AdamOptions{.lr = 0.01, .eps = 1e-3}};
  Function step = [this](const std::vector<Tensor>& args) -> std::vector<Tensor> {
    const Tensor loss = cross_entropy(net(args[0]), args[1]);
    optimizer.step(grad(loss, net.parameters()));
    return {loss};
  };
};

// The loss and the new value of every state, from the model and from the function itself.
void expect_same_step(Training& training, const std::shared_ptr<const Model>& model,
                      int64_t batch) {
  const Array x = random_array({batch, 1, 8, 8}, 3), y = labels_of(batch, 5);
  const std::vector<Array> got = run_model(model, {x, y});
  const Graph graph = training.graph(batch);
  const std::vector<Tensor> loss =
      CompiledFunction(training.step, {})({Tensor::from(x), Tensor::from(y)});
  expect_near(got[0], loss[0].array(), 1e-5);
  ASSERT_EQ(got.size(), 1 + graph.updates.size());
  for (size_t i = 0; i < graph.updates.size(); ++i) {
    const StateUpdate& update = graph.updates[i];
    SCOPED_TRACE(update.state->name());
    EXPECT_EQ(model->outputs()[i + 1].name, update.state->name() + ".new");
    expect_near(got[i + 1], update.state->array(), 1e-5);
  }
}

TEST(Export, WritesATrainingStepWithNewStatesAsOutputs) {
  nn::seed(1);
  Training training;
  const auto model = back(export_model(training.graph(12), {.updates = true}));
  expect_same_step(training, model, 12);
}

TEST(Export, WritesATrainingStepForAnyBatchSize) {
  nn::seed(1);
  Training training;
  const auto model =
      back(export_batched([&](int64_t batch) { return training.graph(batch); }, {.updates = true}));
  expect_same_step(training, model, 6);
  EXPECT_EQ(to_string(model->inputs()[0].shape), "[batch, 1, 8, 8]");
}

TEST(Export, LeavesUpdatesOutUnlessTheyAreAskedFor) {
  nn::seed(1);
  Training training;
  const auto model = back(export_model(training.graph(4)));
  EXPECT_EQ(model->outputs().size(), 1u);
  EXPECT_EQ(model->inputs().size(), 2u);
}

// The exported function against the function, at batch sizes that were not traced.
void expect_any_batch(const Function& function, const std::function<Type(int64_t)>& input,
                      const std::function<Array(const Type&)>& data) {
  const auto model = back(export_batched(
      [&](int64_t batch) { return trace_function(function, {input(batch)}).graph; }));
  CompiledFunction compiled(function, {});
  for (const int64_t batch : {1, 2, 5}) {
    SCOPED_TRACE(batch);
    const Array x = data(input(batch));
    const auto got = run_model(model, {x});
    const auto want = compiled({Tensor::from(x)});
    ASSERT_EQ(got.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) expect_near(got[i], want[i].array(), 1e-5);
  }
}

TEST(Export, WritesAnImageModelForAnyBatchSize) {
  nn::seed(2);
  nn::Conv2d conv(1, 4, {.kernel = 3, .stride = 2});
  const Function function = [&](const std::vector<Tensor>& args) -> std::vector<Tensor> {
    const Tensor y = gelu(conv(args[0]));
    // Sizes that are multiples of the batch, a mean over it, and its own size as numbers.
    const Tensor rows = reshape(y, {y.shape()[0] * 4, 16});
    const Tensor order = arange(y.shape()[0], DType::f32);
    return {softmax(mean(y, {2, 3}), -1), rows - mean(rows, {0}, true), order * 2.0};
  };
  expect_any_batch(
      function, [](int64_t batch) { return Type(DType::f32, {batch, 1, 9, 9}); },
      [](const Type& type) { return random_array(type.shape, 5); });
}

// i64 [batch, 2]: elements `first + b * step`.
Tensor counted(int64_t batch, std::array<int64_t, 2> first, std::array<int64_t, 2> step) {
  Array array(DType::i64, {batch, 2});
  for (int64_t i = 0; i < array.numel(); ++i) {
    const auto at = static_cast<size_t>(i % 2);
    array.as<int64_t>()[i] = first[at] + i / 2 * step[at];
  }
  return Tensor::from(array);
}

TEST(Export, ComputesConstantsThatGrowWithTheBatchSize) {
  const Function function = [](const std::vector<Tensor>& args) -> std::vector<Tensor> {
    const Tensor& x = args[0];
    const int64_t n = x.shape()[0];
    Array marks(DType::f32, {3, n});  // the same for every sample
    for (int64_t i = 0; i < marks.numel(); ++i) {
      const int64_t row = i / n;
      marks.as<float>()[i] = static_cast<float>(row) - 0.5f;
    }
    const Tensor turned = reshape(counted(n, {1, 0}, {2, 2}), {2 * n});  // 1 0 3 2 5 4
    return {gather(reshape(x, {2 * n}), turned), gather(x, counted(n, {0, 0}, {1, 0})),
            Tensor::from(marks) * narrow(transpose(x, {1, 0}), 0, 0, 1)};
  };
  expect_any_batch(
      function, [](int64_t batch) { return Type(DType::f32, {batch, 2}); },
      [](const Type& type) { return random_array(type.shape, 6); });
}

TEST(Export, RefusesConstantsThatGrowOtherwise) {
  const auto trace = [](int64_t batch) {
    const Tensor x = make_input({DType::f32, {batch}}, "x");
    Array squares(DType::i64, {batch});
    for (int64_t i = 0; i < batch; ++i) squares.as<int64_t>()[i] = i * i % batch;
    return Graph{"g", {x}, {gather(x, Tensor::from(squares))}, {}};
  };
  EXPECT_ERROR(export_batched(trace), kUnsupported,
               "export: node 'Gather_0': the size of a constant changes with the batch size, in a "
               "way that the model cannot follow");
}

TEST(Export, WritesATransformerForAnyBatchSize) {
  nn::seed(3);
  models::Gpt gpt({.vocabulary = 11, .context = 6, .layers = 2, .heads = 2, .width = 8});
  gpt.train(false);
  const Function function = [&](const std::vector<Tensor>& args) -> std::vector<Tensor> {
    return {gpt(args[0])};
  };
  expect_any_batch(
      function, [](int64_t batch) { return Type(DType::i64, {batch, 6}); },
      [](const Type& type) {
        Array tokens = labels_of(type.shape.numel(), 11);
        tokens.shape = type.shape;
        return tokens;
      });
}

TEST(Export, SaysWhereAGraphDependsOnTheBatchSizeInAnotherWay) {
  const auto trace = [](int64_t batch) {
    const Tensor x = make_input({DType::f32, {batch, 2}}, "x");
    return Graph{"g", {x}, {x * std::sqrt(static_cast<double>(batch))}, {}};
  };
  EXPECT_ERROR(export_batched(trace), kUnsupported,
               "export: node 'Mul_0': a number changes with the batch size, in a way that the "
               "model cannot follow");
  const auto deeper = [](int64_t batch) {
    const Tensor x = make_input({DType::f32, {batch, 2}}, "x");
    return Graph{"g", {x}, {batch > 1000 ? exp(x) : x}, {}};
  };
  EXPECT_ERROR(export_batched(deeper), kUnsupported,
               "export: graph: the number of nodes changes with the batch size, in a way that the "
               "model cannot follow");
  const auto closed = [](int64_t /*batch*/) {
    const Tensor x = make_input({DType::f32, {2}}, "x");
    return Graph{"g", {x}, {exp(x)}, {}};
  };
  EXPECT_ERROR(export_batched(closed), kInvalidArgument,
               "export: no input has the batch size as one of its sizes");
}

TEST(Export, NamesInputsStatesAndOutputs) {
  const StatePtr w = State::create("w", Array::list(std::vector<float>{1, 2}));
  const StatePtr count = State::create("w", Array::list(std::vector<float>{0, 0}));
  const Function function = [&](const std::vector<Tensor>& args) -> std::vector<Tensor> {
    const Tensor y = args[0] * w->read();
    count->assign(args[0]);  // written, never read
    w->assign(y);
    return {y, args[0]};
  };
  const Graph graph = trace_function(function, {{DType::f32, {2}}}).graph;
  const auto model = back(export_model(graph, {.updates = true}));
  std::vector<std::string> names;
  for (const Argument& a : model->inputs()) names.push_back(a.name);
  for (const Argument& a : model->outputs()) names.push_back(a.name);
  EXPECT_EQ(names, (std::vector<std::string>{"arg0", "output_0", "output_1", "w.new", "w.new_0"}));
  EXPECT_EQ(model->initializers().at(0).name, "w");
  const auto got = run_model(model, {Array::list(std::vector<float>{3, 5})});
  const std::vector<std::vector<float>> want{{3, 10}, {3, 5}, {3, 10}, {3, 5}};
  for (size_t i = 0; i < want.size(); ++i) EXPECT_EQ(got[i].to_vector<float>(), want[i]) << i;
}

TEST(Export, InlinesFusedRegions) {
  const Tensor a = make_input({DType::f32, {3}}, "a"), inner = make_input({DType::f32, {3}}, "i");
  const NodePtr fused = make_fused({a}, {"", {inner}, {exp(inner) + 1.0}, {}});
  const auto model = back(export_model({"g", {a}, {Tensor(fused, 0)}, {}}));
  const auto got = run_model(model, {Array::list(std::vector<float>{0, 1, 2})});
  expect_near(got[0], Array::list(std::vector<float>{2, 1 + std::exp(1.0F), 1 + std::exp(2.0F)}),
              1e-6);
}

TEST(Export, DividesIntegersByAnythingWithoutTrapping) {
  const Tensor a = make_input({DType::i32, {4}}, "a"), b = make_input({DType::i32, {4}}, "b");
  const Graph graph{"g", {a, b}, {a / b, mod(a, b)}, {}};
  const std::string bytes = export_model(graph).bytes();
  const std::vector<Array> inputs{Array::list(std::vector<int32_t>{7, -7, INT32_MIN, 5}),
                                  Array::list(std::vector<int32_t>{2, 2, -1, 0})};
  const auto got = run_model(Model::parse(bytes, "exported"), inputs);
  EXPECT_EQ(got[0].to_vector<int32_t>(), (std::vector<int32_t>{3, -3, INT32_MIN, 0}));
  EXPECT_EQ(got[1].to_vector<int32_t>(), (std::vector<int32_t>{1, 1, 0, 0}));
}

TEST(Export, KeepsWeightsOfLargeModelsInASecondFile) {
  const TempFolder folder;
  const StatePtr w = State::create("w", random_array({64, 32}, 7));
  const Function function = [&](const std::vector<Tensor>& args) -> std::vector<Tensor> {
    return {matmul(args[0], w->read()) + 1.0};
  };
  const Graph graph = trace_function(function, {{DType::f32, {3, 64}}}).graph;
  const ExportedModel large = export_model(graph, {.most_bytes = 4096});
  EXPECT_THROW(large.bytes(), Error);
  large.save(folder / "large.onnx");
  EXPECT_LT(std::filesystem::file_size(folder / "large.onnx"), 2048U);
  EXPECT_EQ(std::filesystem::file_size(folder / "large.onnx.data"), w->array().bytes());
  const Array x = random_array({3, 64}, 8);
  const auto split = run_model(Model::load(folder / "large.onnx"), {x});
  export_model(graph).save(folder / "small.onnx");
  EXPECT_FALSE(std::filesystem::exists(folder / "small.onnx.data"));
  const auto whole = run_model(Model::load(folder / "small.onnx"), {x});
  EXPECT_EQ(split[0].to_vector<float>(), whole[0].to_vector<float>());
}

TEST(Export, KeepsConstantsOfEveryDtype) {
  for (int code = 0; code < kNumDTypes; ++code) {
    const auto dtype = static_cast<DType>(code);
    SCOPED_TRACE(name(dtype));
    Array values(dtype, {5});
    for (int64_t i = 0; i < 5; ++i) {
      visit(dtype, [&](auto tag) {
        using T = typename decltype(tag)::type;
        values.as<T>()[i] = static_cast<T>(static_cast<float>(i % 2));
      });
    }
    if (dtype == DType::string) values = texts_of({"a", "", "b", "a", "c"});
    const auto model = back(export_model({"g", {}, {Tensor::from(values)}, {}}, {.opset = 26}));
    const Array got = model->interpret({})[0].tensor.array();
    EXPECT_EQ(name(got.dtype), name(dtype));
    EXPECT_EQ(std::memcmp(got.buffer->data(), values.buffer->data(), values.bytes()), 0);
  }
}

TEST(Export, SaysWhatTheOpsetLacks) {
  const Tensor x = make_input({DType::f32, {2}}, "x");
  EXPECT_ERROR(export_model({"g", {x}, {bitcast(x, DType::i32)}, {}}), kUnsupported,
               "export: bitcast from f32 to i32 needs opset 26 or later, got 20");
  EXPECT_ERROR(export_model({"g", {x}, {x}, {}}, {.opset = 17}), kInvalidArgument,
               "export: opset is 17, expected 18 to 26");
  const Tensor small = cast(x, DType::f4e2m1);
  EXPECT_ERROR(export_model({"g", {x}, {small}, {}}), kUnsupported,
               "export: f4e2m1 needs opset 23 or later, got 20");
  const Tensor big = make_input({DType::u64, {1, 1, 2}}, "x");
  EXPECT_ERROR(export_model({"g",
                             {big},
                             {make(op_def(Op::max_pool_gradient), {big, big},
                                   complete(PoolAttrs{.kernel = {1}}, 1, "pool"))},
                             {}}),
               kUnsupported, "export: MaxPool does not take u64 in ONNX");
}

}  // namespace
}  // namespace suan::onnx
