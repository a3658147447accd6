// Teacher: a trained model whose values a training learns from. Its weights are constants.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "suan/graph/graph.h"
#include "suan/train/task.h"

namespace suan::compress {

// What the training feeds its model with: the teacher must have learned from the same.
struct TeacherData {
  std::vector<double> mean, std;  // of the normalization
  std::vector<std::string> class_names, vocabulary;
};

class Teacher {
 public:
  virtual ~Teacher() = default;
  // The evaluation for inputs of these types: one output, the class scores.
  virtual Graph graph(const std::vector<Type>& inputs) = 0;
};

// The best or else last weights of a run's folder (averages of weights, where it keeps them), or an
// ONNX file. Throws Error naming the path where there is no such thing, where it normalizes images
// differently and where its classes or tokens are others than those of the data.
std::unique_ptr<Teacher> open_teacher(const std::string& path, const TeacherData& data);

// The outputs of a graph for these inputs, as part of what is being traced: no gradients.
std::vector<Tensor> placed(const Graph& graph, const std::vector<Tensor>& inputs);

}  // namespace suan::compress
