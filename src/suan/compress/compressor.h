// Compressor: from a model and a promise to the fastest (smallest, most frugal) form of it on this
// machine that keeps the promise on data that the search has not seen.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "suan/compress/judge.h"
#include "suan/compress/precisions.h"
#include "suan/compress/search.h"
#include "suan/formats/onnx/export.h"
#include "suan/program/program.h"

namespace suan::compress {

// What is compressed, and the data to do it with.
struct Subject {
  std::string name;
  // The evaluation graph for a batch size: inputs whose first axis is the batch; class scores.
  std::function<Graph(int64_t batch)> trace;
  // The same of the model that this one is compared with, of which a technique made it; null: it is
  // compared with itself as it is.
  std::function<Graph(int64_t batch)> reference;
  std::vector<std::string> input_names, output_names;  // of the graph; empty: made up
  bool any_batch = true;  // else there is one size alone: calibration has it
  Metric metric = Metric::accuracy;
  std::vector<Batch> calibration;
  std::vector<Examples> search, held_out;  // whole batches
};
using Builder = std::function<Graph(int64_t batch)>;

struct CompressOptions {
  double max_drop = 0.5;  // points of accuracy, or per cent of perplexity
  Objective objective = Objective::latency;
  CalibrationOptions calibration;
  int64_t batch = 1;  // that costs are measured for
  bool exhaustive = false;
  const std::atomic<bool>* stop = nullptr;
  // The trials of a search of these layers that was stopped.
  std::function<std::vector<Trial>(const std::vector<SearchLayer>& layers)> trials = {};
  std::function<void(const std::string& line)> say = {};  // progress
};

struct Outcome {
  std::vector<SearchLayer> layers;
  std::vector<LayerReport> report;
  SearchResult result;
  Assignment chosen;  // all f32 where nothing else keeps the promise
  Metric metric = Metric::accuracy;
  double max_drop = 0;
  // Of the original and the chosen one, on the held-out data.
  double metric_before = 0, metric_after = 0;
  double drop = 0, bound = 0;
  int64_t examples = 0;
  double seconds_before = 0, seconds_after = 0;  // of a run, side by side
  double bytes_before = 0, bytes_after = 0;      // of the constants
  bool kept = false;                             // the promise
  std::string why_not;                           // in one line, where it is not
};

class Compressor {
 public:
  Compressor(Subject subject, CompressOptions options);
  // The search under the promise.
  Outcome search();
  // One form without a search: what it loses and costs.
  Outcome apply(const Assignment& assignment);
  Outcome apply(const QuantizeOptions& options);
  Builder builder(const Assignment& assignment) const;
  // Weights alone as integers.
  Builder builder(const QuantizeOptions& options);
  const Precisions& precisions() const { return precisions_; }
  // The model in a form, as ONNX, of any batch size, or of one: where the graph depends on it in
  // more than sizes, any throws.
  onnx::ExportedModel exported(const Builder& build, std::optional<int64_t> batch = {}) const;

 private:
  Graph reference(int64_t batch) const;
  std::vector<double> costs(const std::vector<Assignment>& assignments);
  std::vector<double> costs_of(const std::vector<ProgramPtr>& programs) const;
  void count_from_reference(SearchResult& result, const Judge& judge);
  Outcome begun() const;
  Outcome applied(const Builder& build, Outcome outcome);
  Judge judge_of(std::span<const Examples> examples) const;
  Judge::Verdict judged(const Judge& judge, const Builder& build) const;
  void measure(Outcome& outcome, const Builder& build);
  void verify(Outcome& outcome);
  void say(const std::string& line) const;
  int64_t measured_batch() const;
  std::vector<BufferPtr> measured_inputs() const;

  Subject subject_;
  CompressOptions options_;
  Precisions precisions_;
  std::map<Assignment, ProgramPtr> programs_;
};

}  // namespace suan::compress
