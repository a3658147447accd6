// Graphs as ONNX models, of which inference engines make programs.
// https://onnx.ai/onnx/repo-docs/IR.html
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "suan/formats/onnx/model.h"
#include "suan/graph/graph.h"

namespace suan::onnx {

struct ExportOptions {
  // Of the operators' versions, 18 to 26. 20 has an operator for nearly every op and is taken by
  // all engines since 2024; bitcasts between floats and integers need 26.
  int64_t opset = 20;
  // A graph with updates of states (a training step): states are inputs with their values as
  // default, and each that changes has its new value as an output `<state>.new`. Otherwise updates
  // are left out, and states are initializers.
  bool updates = false;
  // Names in the graph's order; where there are none, labels and `output_<i>`.
  std::vector<std::string> input_names, output_names;
  // Models of more bytes keep their weights in a second file.
  size_t most_bytes = kMostMessageBytes;
};

// Options for a graph of a model, with the model's names.
ExportOptions named_after(std::span<const Argument> inputs, std::span<const Argument> outputs,
                          int64_t opset);
// Throws Error(kUnsupported) for the first output that is no tensor: it has no place in a graph.
void expect_tensors(std::span<const Argument> outputs, std::span<const Value> values);

// A model ready to be written; it shares the weights' memory with the graph.
class ExportedModel {
 public:
  // The message of the model. Throws Error where it exceeds `most_bytes`.
  std::string bytes() const;
  // For Model::assemble: the model in memory, of any size.
  ModelParts parts() const;
  // Writes the file, and where it would exceed `most_bytes` its weights into `<path>.data`.
  void save(const std::filesystem::path& path) const;

  struct Impl;
  explicit ExportedModel(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

// The graph as the caller traced it, before any pass. Results are those of the graph up to
// rounding; but what only checks data (check_range, labels and CSR offsets out of range) is left
// out. Random numbers follow from their keys as everywhere; a key that is a state advances from run
// to run only where `updates` are fed back. Throws Error(kUnsupported) naming an op that has no
// exact form in the opset.
ExportedModel export_model(const Graph& graph, const ExportOptions& options = {});

// The same for any batch size: `trace` gives the graph for one. It is traced for several, and what
// differs becomes arithmetic on the size `batch` of the first input. Throws Error naming the node
// where the graphs differ in more than numbers that follow from it.
ExportedModel export_batched(const std::function<Graph(int64_t batch)>& trace,
                             const ExportOptions& options = {});

}  // namespace suan::onnx
