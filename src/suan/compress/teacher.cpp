// Teachers from run folders and ONNX files.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/teacher.h"

#include <fmt/ranges.h>

#include <filesystem>
#include <future>

#include "suan/base/error.h"
#include "suan/compress/inference_graph.h"
#include "suan/compress/layers.h"
#include "suan/formats/onnx/model.h"
#include "suan/graph/state.h"
#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"
#include "suan/tensor/trace_function.h"
#include "suan/train/checkpoint.h"
#include "suan/train/learner.h"
#include "suan/train/run_folder.h"

namespace suan::compress {
namespace {

constexpr std::string_view kWhere = "technique.distill";

// On a thread of its own, where no trace is open: a teacher is also asked for in the middle of one.
template <class F>
auto outside_of_traces(F f) {
  return std::async(std::launch::async, std::move(f)).get();
}

void check_names(const std::string& path, const char* what, const std::vector<std::string>& its,
                 const std::vector<std::string>& ours) {
  for (size_t i = 0; i < std::min(its.size(), ours.size()); ++i) {
    if (its[i] == ours[i]) continue;
    fail(kWhere, "{} {} of the teacher {} is '{}', that of the data is '{}'", what, i, path, its[i],
         ours[i]);
  }
}

class RunTeacher : public Teacher {
 public:
  RunTeacher(const train::RunFolder& folder, const TeacherData& data)
      : recipe_(folder.recipe({"train.threads=0"})) {  // threads are the training's to choose
    const std::string& path = folder.path();
    if (recipe_.data.mean != data.mean || recipe_.data.std != data.std) {
      fail(kWhere,
           "the teacher {} learned with data.mean [{}] and data.std [{}], got [{}] and [{}]", path,
           fmt::join(recipe_.data.mean, ", "), fmt::join(recipe_.data.std, ", "),
           fmt::join(data.mean, ", "), fmt::join(data.std, ", "));
    }
    const std::string file = folder.weights();
    const train::Checkpoint saved = train::read_checkpoint(file);
    check_names(path, "class", saved.class_names, data.class_names);
    check_names(path, "token", saved.vocabulary, data.vocabulary);
    task_ = train::make_input_task(recipe_);
    task_.classes =
        static_cast<int64_t>((task_.classifies ? saved.class_names : saved.vocabulary).size());
    outside_of_traces([&] {
      learner_ = std::make_unique<train::Learner>(recipe_, task_, file);
      train::load_checkpoint(file, learner_->states());
    });
  }

  Graph graph(const std::vector<Type>& inputs) override {
    return outside_of_traces([&] {
      Graph graph;
      learner_->evaluating([&] {
        const auto scores = [this](const std::vector<Tensor>& x) {
          return std::vector<Tensor>{learner_->model()(x)};
        };
        graph = trace_function(scores, inputs).graph;
        graph.updates.clear();
        // Here, where averaged weights are in place; layers keep the names of theirs.
        graph = with_constants(with_layer_names(graph));
      });
      return graph;
    });
  }

 private:
  const train::Recipe recipe_;
  train::Task task_;
  std::unique_ptr<train::Learner> learner_;
};

class OnnxTeacher : public Teacher {
 public:
  explicit OnnxTeacher(std::string path) : path_(std::move(path)) {
    if (!std::filesystem::is_regular_file(path_)) {
      fail(kWhere, "the teacher {} does not exist", path_);
    }
    model_ = onnx::Model::load(path_);
  }

  Graph graph(const std::vector<Type>& inputs) override {
    const std::vector<onnx::Argument>& takes = model_->inputs();
    if (takes.size() != inputs.size()) {
      fail(kWhere, "the teacher {} takes {} inputs, got {}", path_, takes.size(), inputs.size());
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (onnx::accepts(takes[i], inputs[i])) continue;
      fail(kWhere, "input '{}' of the teacher {} does not take the data, which is {}",
           takes[i].name, path_, to_string(inputs[i]));
    }
    return outside_of_traces([&] {
      Graph graph = model_->specialise(onnx::placeholders(inputs)).graph;
      if (graph.outputs.size() != 1) {
        fail(kWhere, "the teacher {} gives {} outputs, expected one", path_, graph.outputs.size());
      }
      return graph;
    });
  }

 private:
  std::string path_;
  std::shared_ptr<const onnx::Model> model_;
};

}  // namespace

std::unique_ptr<Teacher> open_teacher(const std::string& path, const TeacherData& data) {
  if (path.ends_with(".onnx")) return std::make_unique<OnnxTeacher>(path);
  if (!std::filesystem::is_regular_file(path + "/config.toml")) {
    fail(kWhere, "the teacher '{}' is neither the folder of a run nor an .onnx file", path);
  }
  return std::make_unique<RunTeacher>(train::RunFolder::open(path), data);
}

std::vector<Tensor> placed(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> out;
  for (const Tensor& t : on_inputs(graph, inputs).outputs) out.push_back(stop_gradient(t));
  return out;
}

}  // namespace suan::compress
