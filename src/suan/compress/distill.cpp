// The losses of distillation, and the technique.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/distill.h"

#include "suan/base/error.h"
#include "suan/compress/hidden_values.h"
#include "suan/compress/teacher.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/softmax.h"
#include "suan/ops/widen.h"

namespace suan::compress {
namespace {

constexpr std::string_view kWhere = "technique.distill";

// [n, channels, ...] -> [n, positions]
Tensor attention_map(const Tensor& x) {
  const Tensor flat = flatten(mean(square(widen(x)), {1}));
  constexpr double kLeast = 1e-24;  // a map of zeros stays one
  return flat / sqrt(maximum(sum(square(flat), {1}, true), kLeast));
}

Shape without_channels(Shape shape) {
  shape.erase(1);
  return shape;
}

DistillOptions read(const train::Options& options) {
  DistillOptions o;
  train::read_options(
      "technique.distill", options, o,
      std::tuple{Field{"teacher", &DistillOptions::teacher},
                 Field{"temperature", &DistillOptions::temperature},
                 Field{"alpha", &DistillOptions::alpha}, Field{"hidden", &DistillOptions::hidden},
                 Field{"attention", &DistillOptions::attention},
                 Field{"pairs", &DistillOptions::pairs}});
  if (o.teacher.empty()) fail(kWhere, "has no 'teacher': the folder of a run, or an .onnx file");
  if (!(o.temperature > 0)) fail(kWhere, "temperature is {}, expected more than 0", o.temperature);
  if (!(o.alpha >= 0 && o.alpha <= 1)) fail(kWhere, "alpha is {}, expected 0 to 1", o.alpha);
  if (!(o.hidden >= 0)) fail(kWhere, "hidden is {}, expected 0 or more", o.hidden);
  if (!(o.attention >= 0)) fail(kWhere, "attention is {}, expected 0 or more", o.attention);
  if (!o.pairs.empty() && o.hidden == 0 && o.attention == 0) {
    fail(kWhere, "pairs are given, but neither hidden nor attention is above 0");
  }
  return o;
}

class Distill : public train::Technique {
 public:
  explicit Distill(DistillOptions options) : options_(std::move(options)) {}

  std::unique_ptr<models::Model> applied(std::unique_ptr<models::Model> model,
                                         const train::TechniqueStart& start) override {
    data_ = {start.recipe.data.mean, start.recipe.data.std, start.task.class_names,
             start.task.vocabulary};
    if (!start.saved) open();  // what is wrong with it should be said at once
    return model;
  }

  Tensor loss(const Tensor& loss, const train::TracedStep& step) override {
    open();
    std::vector<Type> types;
    for (const Tensor& t : step.inputs) types.push_back(t.type());
    Graph teacher = teacher_->graph(types);
    check_scores(step.logits, teacher.outputs[0]);
    std::vector<HiddenPair> pairs;
    if (options_.hidden > 0 || options_.attention > 0) {
      const Graph student{.inputs = step.inputs, .outputs = {step.logits}};
      pairs = hidden_pairs(student, teacher, options_.pairs);
    }
    for (const HiddenPair& pair : pairs) teacher.outputs.push_back(pair.teacher);
    const std::vector<Tensor> known = placed(teacher, step.inputs);
    Tensor total = (1 - options_.alpha) * loss;
    if (options_.alpha > 0) {
      total = total + options_.alpha * soft_loss(step.logits, known[0], options_.temperature);
    }
    for (size_t i = 0; i < pairs.size(); ++i) {
      const Tensor& student = pairs[i].student;
      const Tensor& other = known[i + 1];
      check_pair(pairs[i].name, student.shape(), other.shape());
      if (options_.hidden > 0) total = total + options_.hidden * hidden_loss(student, other);
      if (options_.attention > 0) {
        total = total + options_.attention * attention_loss(student, other);
      }
    }
    return total;
  }

 private:
  void open() {
    if (!teacher_) teacher_ = open_teacher(train::expand_path(options_.teacher, kWhere), data_);
  }

  void check_scores(const Tensor& student, const Tensor& teacher) const {
    if (student.shape() == teacher.shape()) return;
    if (student.rank() > 0 && teacher.rank() > 0 && student.size(-1) != teacher.size(-1)) {
      fail(kWhere, "the teacher {} gives {} classes, the model {}", options_.teacher,
           teacher.size(-1), student.size(-1));
    }
    fail(kWhere, "the teacher {} gives {}, the model {}", options_.teacher,
         to_string(teacher.type()), to_string(student.type()));
  }

  void check_pair(const std::string& name, const Shape& student, const Shape& teacher) const {
    if (options_.hidden > 0 && student != teacher) {
      fail(kWhere,
           "pair {} has the shapes {} and {}: 'hidden' compares equal ones, 'attention' any "
           "channels",
           name, to_string(student), to_string(teacher));
    }
    if (options_.attention == 0) return;
    if (student.rank() < 3 || teacher.rank() < 3 ||
        without_channels(student) != without_channels(teacher)) {
      fail(kWhere,
           "pair {} has the shapes {} and {}: 'attention' compares feature maps of one size", name,
           to_string(student), to_string(teacher));
    }
  }

  const DistillOptions options_;
  TeacherData data_;
  std::unique_ptr<Teacher> teacher_;
};

}  // namespace

Tensor soft_loss(const Tensor& student, const Tensor& teacher, double temperature) {
  const Tensor ours = log_softmax(widen(student) / temperature, -1);
  const Tensor its = log_softmax(widen(teacher) / temperature, -1);
  return temperature * temperature * mean(sum(exp(its) * (its - ours), {-1}));
}

Tensor hidden_loss(const Tensor& student, const Tensor& teacher) {
  return mean(square(widen(student) - widen(teacher)));
}

Tensor attention_loss(const Tensor& student, const Tensor& teacher) {
  return mean(square(attention_map(student) - attention_map(teacher)));
}

std::unique_ptr<train::Technique> make_distill(const train::Options& options) {
  return std::make_unique<Distill>(read(options));
}

}  // namespace suan::compress
