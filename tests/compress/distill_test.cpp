// The losses of distillation against numbers worked out by hand, and trainings with a teacher.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/distill.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "suan/base/file.h"
#include "suan/compress/teacher.h"
#include "suan/formats/onnx/export.h"
#include "suan/tensor/compile.h"
#include "suan/train/checkpoint.h"
#include "suan/train/inference.h"
#include "suan/train/trainer.h"
#include "tests/compress/small_graphs.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::compress {
namespace {

using train::Recipe;
using train::RunFolder;
using train::Trainer;

Array doubles(const Shape& shape, uint64_t seed) {
  Array array(DType::f64, shape);
  Random random(seed);
  for (double& v : array.span<double>()) v = random.normal();
  return array;
}

TEST(Distill, TheSoftLossIsTheDivergenceOfSoftenedScores) {
  // At T = 2 the teacher's shares are (3/4, 1/4) and (1/2, 1/2), the student's halves.
  const Tensor teacher = Tensor::of<double>({2 * std::log(3.0), 0, 5, 5}, {2, 2});
  const Tensor student = Tensor::of<double>({1, 1, -3, -3}, {2, 2});
  const double row = 0.75 * std::log(0.75 / 0.5) + 0.25 * std::log(0.25 / 0.5);
  EXPECT_NEAR(soft_loss(student, teacher, 2).item(), 4 * row / 2, 1e-12);
  EXPECT_EQ(soft_loss(teacher, teacher, 2).item(), 0);
}

TEST(Distill, TheAttentionLossComparesNormalizedMeansOfSquares) {
  // One channel (3, 4)^(1/2)... squares (3, 4), length 5; two channels with the mean squares (4,
  // 3).
  const Tensor student = Tensor::of<double>({std::sqrt(3.0), 2}, {1, 1, 1, 2});
  const Tensor teacher = Tensor::of<double>({2, std::sqrt(3.0), 2, -std::sqrt(3.0)}, {1, 2, 1, 2});
  EXPECT_NEAR(attention_loss(student, teacher).item(), (0.04 + 0.04) / 2, 1e-12);
  EXPECT_NEAR(attention_loss(student, 7.0 * student).item(), 0, 1e-12);  // the scale is no matter
  EXPECT_EQ(attention_loss(0.0 * student, 0.0 * student).item(), 0);
}

TEST(Distill, TheHiddenLossIsTheMeanOfSquares) {
  const Tensor a = Tensor::of<double>({1, 2, 3, 4}, {2, 2});
  EXPECT_EQ(hidden_loss(a, Tensor::of<double>({1, 4, 3, 3}, {2, 2})).item(), 1.25);
  EXPECT_EQ(hidden_loss(a, a).item(), 0);
}

void expect_gradient(const std::function<Tensor(const Tensor&)>& loss, const Shape& shape) {
  const StatePtr x = State::create("x", doubles(shape, 1), true);
  const Array got = grad(loss(x->read()), {x})[0].array();
  for (int64_t i = 0; i < shape.numel(); ++i) {
    constexpr double kStep = 1e-5;
    double value[2];
    for (int side = 0; side < 2; ++side) {
      Array moved = x->array();
      moved.as<double>()[i] += side == 0 ? kStep : -kStep;
      value[side] = loss(Tensor::from(moved)).item();
    }
    EXPECT_NEAR(got.as<double>()[i], (value[0] - value[1]) / (2 * kStep), 1e-8) << i;
  }
}

TEST(Distill, GradientsAreThoseOfFiniteDifferences) {
  const Tensor scores = Tensor::from(doubles({3, 4}, 2)),
               map = Tensor::from(doubles({2, 5, 3, 2}, 3));
  expect_gradient([&](const Tensor& x) { return soft_loss(x, scores, 3); }, {3, 4});
  expect_gradient([&](const Tensor& x) { return hidden_loss(x, scores); }, {3, 4});
  expect_gradient([&](const Tensor& x) { return attention_loss(x, map); }, {2, 4, 3, 2});
}

// Trainings of small networks on a few generated digits.
class DistillRun : public testing::Test {
 protected:
  static Recipe recipe(const std::string& name, const std::string& filters,
                       const std::vector<std::string>& settings = {},
                       const std::string& technique = "") {
    const std::string text = "name = \"" + name + "\"\n" +
                             "model = {name = \"lenet\", hidden = 16, filters = " + filters +
                             "}\n" + R"(
data = {kind = "digits", train_samples = 60, test_samples = 40, mean = [0.13], std = [0.31]}
optimizer = {name = "adamw", lr = 0.01}
schedule = {kind = "cosine"}
train = {epochs = 3, batch = 20, eval_batch = 40, log_every = 2, threads = 1}
)";
    return train::parse_recipe(text + technique, "small.toml", settings);
  }
  static std::string distill(const std::string& teacher, const std::string& options) {
    return "[[technique]]\nkind = \"distill\"\nteacher = \"" + teacher + "\"\n" + options;
  }
  Recipe student(const std::string& options, const std::vector<std::string>& settings = {}) const {
    return recipe("student", "[2, 4]", settings, distill(teacher_, options));
  }
  train::TrainOptions options() const { return {.runs = folder_ / "runs", .quiet = true}; }

  void SetUp() override { teacher_ = Trainer(recipe("teacher", "[4, 8]"), options()).run().run; }

  // The first step's loss of a student that is the teacher.
  double first_loss(const std::string& more, const std::string& teacher) const {
    Recipe same = recipe("student", "[4, 8]", {"train.from=" + teacher_}, distill(teacher, more));
    const train::Task task = make_task(same);
    train::Learner learner(same, task);
    data::Loader loader(task.train, {.batch = 20, .augment = task.eval_augment});
    return learner.step(*loader.begin(), 0).loss;
  }
  std::string finished(const Recipe& r, int64_t stop) const {
    train::TrainOptions o = options();
    o.until_epoch = stop;
    Trainer first(r, o);
    const std::string path = first.folder().path();
    if (stop == 0) {
      first.run();
    } else {
      EXPECT_THROW(first.run(), Error);
      Trainer(RunFolder::open(path), options()).run();
    }
    return read_file(RunFolder::open(path).last());
  }

  TempFolder folder_;
  std::string teacher_;
};

TEST_F(DistillRun, AStudentThatIsItsTeacherHasNothingToLearn) {
  EXPECT_NEAR(first_loss("alpha = 1", teacher_), 0, 1e-6);
  EXPECT_NEAR(first_loss("alpha = 1\nhidden = 10\nattention = 1000", teacher_), 0, 1e-5);
  const double task = first_loss("alpha = 0", teacher_);
  EXPECT_GT(task, 0.1);
  EXPECT_NEAR(first_loss("alpha = 0.75", teacher_), 0.25 * task, 1e-6);
}

TEST_F(DistillRun, TeachesAndStaysAsItIs) {
  const std::string before = read_file(RunFolder::open(teacher_).last());
  const train::TrainSummary summary = Trainer(student("attention = 100"), options()).run();
  EXPECT_EQ(read_file(RunFolder::open(teacher_).last()), before);
  std::filesystem::remove_all(teacher_);  // what is trained no longer needs it
  train::LoadedRun loaded(RunFolder::open(summary.run));
  EXPECT_EQ(loaded.evaluate(loaded.recipe()).accuracy, *summary.accuracy);
  EXPECT_EQ(loaded.learner().states().size(),
            Trainer(recipe("alone", "[2, 4]"), options()).learner().states().size());
  EXPECT_ERROR(Trainer(student(""), options()), kInvalidArgument,
               "technique.distill: the teacher '" + teacher_ +
                   "' is neither the folder of a run nor an .onnx file");
}

TEST_F(DistillRun, AStepDoesNotTouchTheTeacher) {
  Recipe r = student("attention = 1");
  const train::Task task = make_task(r);
  train::Learner learner(r, task);
  const Graph graph = learner.step_graph({DType::f32, {20, 1, 28, 28}}, {DType::i64, {20}});
  std::vector<std::string> names;
  for (const nn::NamedState& s : learner.states()) names.push_back(s.name);
  for (const StateUpdate& update : graph.updates) {
    EXPECT_THAT(names, testing::Contains(update.state->name()));
  }
  int states = 0;
  for (const NodePtr& node : graph.nodes()) states += is(*node, Op::state);
  EXPECT_LE(states, static_cast<int>(names.size()));
  EXPECT_EQ(nodes_of(graph, Op::conv).size(), 4u);  // two of each
}

TEST_F(DistillRun, ResumedEndsWithTheSameBytes) {
  const Recipe r = student("hidden = 1\npairs = [\"fc1\"]\nattention = 0");
  const std::string whole = finished(r, 0);
  EXPECT_TRUE(finished(r, 1) == whole);
  EXPECT_FALSE(finished(student("alpha = 0"), 0) == whole);
}

TEST_F(DistillRun, AveragedWeightsTeach) {
  const std::string averaged =
      Trainer(recipe("averaged", "[2, 4]", {"train.ema=0.5"}), options()).run().run;
  train::LoadedRun run((RunFolder::open(averaged)));
  const Array x = normal_array({3, 1, 28, 28}, 5);
  const auto teacher = open_teacher(averaged, {.mean = {0.13}, .std = {0.31}});
  const Graph graph = teacher->graph({{x.dtype, x.shape}});
  const Array got = placed(graph, {Tensor::from(x)})[0].array(), expected = run.learner().logits(x);
  for (int64_t i = 0; i < 30; ++i) {
    EXPECT_NEAR(got.as<float>()[i], expected.as<float>()[i], 1e-5);
  }
}

TEST_F(DistillRun, AnOnnxFileTeachesTheSame) {
  const std::string more = "alpha = 0.5\nattention = 10", file = folder_ / "teacher.onnx";
  const double by_run = first_loss(more, teacher_);
  train::LoadedRun run((RunFolder::open(teacher_)));
  onnx::export_model(run.learner().eval_graph({DType::f32, {20, 1, 28, 28}})).save(file);
  EXPECT_NEAR(first_loss(more, file), by_run, 1e-6);
  EXPECT_ERROR(first_loss(more, folder_ / "none.onnx"), kInvalidArgument,
               "technique.distill: the teacher " + (folder_ / "none.onnx") + " does not exist");
}

TEST_F(DistillRun, SaysWhatDoesNotFit) {
  const auto trained = [&](const std::string& more, const std::vector<std::string>& settings = {}) {
    Trainer(student(more, settings), options()).run();
  };
  EXPECT_ERROR(trained("", {"model.classes=12"}), kInvalidArgument,
               "technique.distill: the teacher " + teacher_ + " gives 10 classes, the model 12");
  EXPECT_ERROR(trained("", {"data.mean=[0.5]"}), kInvalidArgument,
               "technique.distill: the teacher " + teacher_ +
                   " learned with data.mean [0.13] and data.std [0.31], got [0.5] and [0.31]");
  EXPECT_ERROR(trained("hidden = 1"), kInvalidArgument,
               "technique.distill: pair 28x28 has the shapes [20, 2, 28, 28] and [20, 4, 28, 28]: "
               "'hidden' compares equal ones, 'attention' any channels");
  EXPECT_ERROR(trained("attention = 1\npairs = [\"fc1\"]"), kInvalidArgument,
               "technique.distill: pair fc1 has the shapes [20, 16] and [20, 16]: 'attention' "
               "compares feature maps of one size");
  EXPECT_ERROR(
      trained("attention = 1\npairs = [\"conv1\", \"conv2=conv3\"]"), kInvalidArgument,
      "technique.distill: the teacher has no layer 'conv3', it has conv1, conv2, fc1, fc2");
  EXPECT_ERROR(trained("attention = 1\npairs = [\"head=fc1\"]"), kInvalidArgument,
               "technique.distill: the model has no layer 'head', it has conv1, conv2, fc1, fc2");
  Recipe flat = student("attention = 1");
  flat.model =
      train::parse_recipe("model = {name = \"mlp\", sizes = [784, 10]}", "flat.toml").model;
  EXPECT_ERROR(Trainer(flat, options()).run(), kInvalidArgument,
               "technique.distill: no feature map of the model (none) is as large as one of the "
               "teacher (28x28, 14x14, 7x7): name pairs of layers");
}

TEST(Distill, RefusesOptionsThatDoNotFit) {
  const auto made = [](const std::string& options) {
    const Recipe r = train::parse_recipe("[[technique]]\nkind = \"distill\"\n" + options, "a.toml");
    make_distill(r.techniques.at(0).options);
  };
  EXPECT_ERROR(made(""), kInvalidArgument,
               "technique.distill: has no 'teacher': the folder of a run, or an .onnx file");
  EXPECT_ERROR(made("teacher = 3"), kInvalidArgument,
               "a.toml:3: technique.distill.teacher is '3', expected a text");
  EXPECT_ERROR(made("teacher = \"t\"\ntemperature = 0"), kInvalidArgument,
               "technique.distill: temperature is 0, expected more than 0");
  EXPECT_ERROR(made("teacher = \"t\"\nalpha = 1.5"), kInvalidArgument,
               "technique.distill: alpha is 1.5, expected 0 to 1");
  EXPECT_ERROR(made("teacher = \"t\"\npairs = [\"a\"]"), kInvalidArgument,
               "technique.distill: pairs are given, but neither hidden nor attention is above 0");
  EXPECT_ERROR(made("teacher = \"t\"\npairs = [1]"), kInvalidArgument,
               "a.toml:4: technique.distill.pairs is '[1]', expected a list of texts");
  EXPECT_ERROR(made("teacher = \"t\"\ntemprature = 2"), kInvalidArgument,
               "a.toml:4: technique.distill: there is no option 'temprature', did you mean "
               "'temperature'?");
}

}  // namespace
}  // namespace suan::compress
