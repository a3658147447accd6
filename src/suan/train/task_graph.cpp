// Classifying the nodes of a graph: one sample is the whole graph, and the splits differ in which
// labels count.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/data/graph_data.h"
#include "suan/models/gcn.h"
#include "suan/train/internal/tasks.h"

namespace suan::train {
namespace {

constexpr int64_t kIgnored = -100;

// One sample: x is nothing but a place holder, y has the labels of the given nodes.
data::DatasetPtr labels_of(const data::GraphData& graph, const Array& nodes) {
  Array y(DType::i64, {1, graph.nodes});
  std::fill_n(y.as<int64_t>(), graph.nodes, kIgnored);
  for (const int64_t node : nodes.span<int64_t>()) {
    y.as<int64_t>()[node] = graph.labels.as<int64_t>()[node];
  }
  Array x(DType::f32, {1, 1});
  *x.as<float>() = 0;
  return std::make_shared<data::ArrayDataset>(x, y);
}

// Every row sums to one, as Kipf and Welling have the features.
Array normalised_rows(Array features) {
  const int64_t rows = features.shape[0], columns = features.shape[1];
  for (int64_t i = 0; i < rows; ++i) {
    float* row = features.as<float>() + i * columns;
    float sum = 0;
    for (int64_t j = 0; j < columns; ++j) sum += row[j];
    for (int64_t j = 0; sum != 0 && j < columns; ++j) row[j] /= sum;
  }
  return features;
}

}  // namespace

Task make_graph_task(Recipe& recipe) {
  const data::GraphData graph = data::read_graph(expand_path(recipe.data.path));
  std::vector<std::pair<int64_t, int64_t>> edges;
  const int64_t count = graph.edges.shape[1];
  for (int64_t i = 0; i < count; ++i) {
    edges.emplace_back(graph.edges.as<int64_t>()[i], graph.edges.as<int64_t>()[count + i]);
  }
  const models::CsrMatrix adjacency = models::normalised_adjacency(graph.nodes, edges);
  const std::vector<Tensor> inputs{Tensor::from(normalised_rows(graph.dense_features())),
                                   Tensor::from(adjacency.offsets), Tensor::from(adjacency.columns),
                                   Tensor::from(adjacency.values)};
  Task task;
  task.train = labels_of(graph, graph.train);
  task.valid = labels_of(graph, graph.valid);
  task.test = labels_of(graph, graph.test);
  task.model_inputs = [inputs](const Tensor& /*x*/) { return std::vector<Tensor>(inputs); };
  task.unit = "nodes";
  task.units_per_sample = graph.nodes;
  task.classes = graph.classes;
  for (int64_t k = 0; k < graph.classes; ++k) task.class_names.push_back(std::to_string(k));
  default_option(recipe, "features", graph.feature_count);
  default_option(recipe, "classes", graph.classes);
  return task;
}

}  // namespace suan::train
