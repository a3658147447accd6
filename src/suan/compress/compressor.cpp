// The search's questions answered by programs and data.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/compressor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "suan/base/error.h"
#include "suan/compress/inference_graph.h"
#include "suan/compress/latency.h"
#include "suan/target/machine.h"

namespace suan::compress {
namespace {

using P = LayerPrecision;

// Runs a graph's program.
Outputs outputs_of(const Graph& graph) {
  const auto context = std::make_shared<RunContext>(Program::build(graph, cpu_backend()));
  std::vector<Type> types;
  for (const Tensor& t : graph.outputs) types.push_back(t.type());
  return [context, types](const Batch& inputs) {
    std::vector<BufferPtr> buffers;
    for (const Array& array : inputs) buffers.push_back(array.buffer);
    const auto results = context->run(buffers);
    std::vector<Array> outputs;
    for (size_t i = 0; i < types.size(); ++i) {
      outputs.emplace_back(types[i].dtype, types[i].shape,
                           Buffer::copy_of(results[i]->data(), types[i].bytes()));
    }
    return outputs;
  };
}

void take(Outcome& outcome, const Judge::Verdict& v) {
  outcome.metric_after = v.metric;
  outcome.drop = v.drop.drop();
  outcome.bound = v.drop.bound();
  outcome.kept = v.drop.keeps(outcome.max_drop);
  outcome.why_not =
      outcome.kept ? std::string() : why_not_kept(v.drop, outcome.max_drop, outcome.metric);
}

}  // namespace

Compressor::Compressor(Subject subject, CompressOptions options)
    : subject_(std::move(subject)),
      options_(std::move(options)),
      precisions_(subject_.trace, subject_.calibration, options_.calibration) {}

void Compressor::say(const std::string& line) const {
  if (options_.say) options_.say(line);
}

int64_t Compressor::measured_batch() const {
  return subject_.any_batch ? options_.batch : subject_.calibration[0][0].shape[0];
}

// Rows of the calibration's first samples, over and over.
std::vector<BufferPtr> Compressor::measured_inputs() const {
  std::vector<BufferPtr> inputs;
  for (const Array& from : subject_.calibration[0]) {
    if (!subject_.any_batch) {
      inputs.push_back(from.buffer);
      continue;
    }
    const auto rows = static_cast<size_t>(from.shape[0]);
    const size_t row = from.bytes() / rows, count = static_cast<size_t>(options_.batch);
    const BufferPtr to = Buffer::allocate(row * count);
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(static_cast<char*>(to->data()) + i * row,
                  static_cast<const char*>(from.buffer->data()) + i % rows * row, row);
    }
    inputs.push_back(to);
  }
  return inputs;
}

Graph Compressor::reference(int64_t batch) const {
  if (!subject_.reference) return precisions_.original(batch);
  return inference_graph(subject_.reference(batch)).graph;
}

std::vector<double> Compressor::costs(const std::vector<Assignment>& assignments) {
  std::vector<ProgramPtr> programs;
  for (const Assignment& a : assignments) {
    ProgramPtr& program = programs_[a];
    if (!program) program = Program::build(precisions_.build(a, measured_batch()), cpu_backend());
    programs.push_back(program);
  }
  constexpr size_t kMostPrograms = 64;
  if (programs_.size() > kMostPrograms) programs_.clear();
  return costs_of(programs);
}

std::vector<double> Compressor::costs_of(const std::vector<ProgramPtr>& programs) const {
  if (options_.objective == Objective::size) {
    std::vector<double> bytes;
    for (const ProgramPtr& p : programs) bytes.push_back(constant_bytes(*p));
    return bytes;
  }
  if (options_.objective == Objective::energy) {
    std::vector<double> joules = energies(programs, measured_inputs());
    if (joules.empty()) {
      fail(ErrorCode::kUnsupported, "--objective energy",
           "this system does not tell what the processor takes (/sys/class/powercap)");
    }
    return joules;
  }
  return latencies(programs, measured_inputs());
}

Builder Compressor::builder(const Assignment& assignment) const {
  return [this, assignment](int64_t batch) { return precisions_.build(assignment, batch); };
}
Builder Compressor::builder(const QuantizeOptions& options) {
  return [this, options](int64_t batch) { return precisions_.build_with_weights(options, batch); };
}

Judge Compressor::judge_of(std::span<const Examples> examples) const {
  if (examples.empty()) fail("compress", "there is no data to judge by");
  return {examples, subject_.metric, outputs_of(reference(examples[0].count()))};
}
Judge::Verdict Compressor::judged(const Judge& judge, const Builder& build) const {
  return judge.judge(outputs_of(build(judge.batch())));
}

Outcome Compressor::begun() const {
  Outcome outcome;
  outcome.layers = precisions_.layers();
  outcome.report = precisions_.report();
  outcome.metric = subject_.metric;
  outcome.max_drop = options_.max_drop;
  return outcome;
}

Outcome Compressor::search() {
  Outcome outcome = begun();
  const Judge judge = judge_of(subject_.search);
  Questions questions;
  questions.costs = [&](const std::vector<Assignment>& all) { return costs(all); };
  questions.drop = [&](const Assignment& a) {
    const PairedDrop drop = judged(judge, builder(a)).drop;
    say(fmt::format("tried {} layers in int8, {} in bf16: drop {:.2f}, at most {:.2f}",
                    std::ranges::count(a, P::int8), std::ranges::count(a, P::bf16), drop.drop(),
                    drop.bound()));
    return drop;
  };
  const SearchOptions options{.max_drop = options_.max_drop,
                              .bf16 = fast_precision() == Arithmetic::bf16,
                              .exhaustive = options_.exhaustive,
                              .stop = options_.stop};
  const std::vector<SearchLayer>& layers = precisions_.layers();
  outcome.result = compress::search(
      layers, questions, options, options_.trials ? options_.trials(layers) : std::vector<Trial>());
  if (outcome.result.stopped) return outcome;
  if (subject_.reference) count_from_reference(outcome.result, judge);
  verify(outcome);
  return outcome;
}

// Costs as shares of the reference's; and all f32, which differs from it, is a form too.
void Compressor::count_from_reference(SearchResult& result, const Judge& judge) {
  const Assignment whole(precisions_.layers().size(), P::f32);
  const int64_t batch = measured_batch();
  const std::vector<double> both =
      costs_of({Program::build(reference(batch), cpu_backend()),
                Program::build(precisions_.build(whole, batch), cpu_backend())});
  const double share = both[1] / both[0];
  for (Trial& t : result.trials) t.ratio *= share;
  const PairedDrop drop = judged(judge, builder(whole)).drop;
  result.trials.push_back(
      {whole, share, drop.drop(), drop.bound(), drop.examples(), drop.keeps(options_.max_drop)});
}

Outcome Compressor::apply(const Assignment& assignment) {
  Outcome outcome = begun();
  outcome.chosen = assignment;
  return applied(builder(assignment), std::move(outcome));
}
Outcome Compressor::apply(const QuantizeOptions& options) {
  return applied(builder(options), begun());
}
Outcome Compressor::applied(const Builder& build, Outcome outcome) {
  measure(outcome, build);
  const Judge judge = judge_of(subject_.held_out);
  outcome.metric_before = judge.original();
  outcome.examples = judge.examples();
  take(outcome, judged(judge, build));
  outcome.report = precisions_.report();  // weights alone have one of their own
  for (const LayerReport& layer : outcome.report) {
    if (!layer.reason.empty()) outcome.result.refused.push_back({layer.name, layer.reason});
  }
  return outcome;
}

// What keeps the promise on the search's data, cheapest first, until one keeps it on the rest too.
void Compressor::verify(Outcome& outcome) {
  std::vector<Trial> order;
  for (const Trial& t : outcome.result.trials) {
    if (t.keeps && t.ratio < 1) order.push_back(t);
  }
  std::ranges::sort(order, {}, &Trial::ratio);
  const Judge judge = judge_of(subject_.held_out);
  outcome.metric_before = outcome.metric_after = judge.original();
  outcome.examples = judge.examples();
  outcome.chosen = Assignment(outcome.layers.size(), P::f32);
  for (const Trial& t : order) {
    outcome.chosen = t.assignment;
    take(outcome, judged(judge, builder(t.assignment)));
    if (outcome.kept) break;
  }
  const bool faster =
      std::ranges::any_of(outcome.result.trials, [](const Trial& t) { return t.ratio < 1; });
  if (!faster) {  // the original is what is best here
    outcome.kept = true;
    outcome.why_not.clear();
  } else if (!outcome.kept && order.empty()) {
    // The best that can: what loses least.
    const Trial& least = *std::ranges::min_element(outcome.result.trials, {}, &Trial::drop);
    outcome.chosen = least.assignment;
    take(outcome, judged(judge, builder(least.assignment)));
    outcome.kept = false;
    outcome.why_not =
        fmt::format("the least that can be lost is {}", drop_text(least.drop, subject_.metric));
  }
  measure(outcome, builder(outcome.chosen));
}

void Compressor::measure(Outcome& outcome, const Builder& build) {
  const int64_t batch = measured_batch();
  const std::vector<ProgramPtr> both{Program::build(reference(batch), cpu_backend()),
                                     Program::build(build(batch), cpu_backend())};
  const std::vector<double> seconds = latencies(both, measured_inputs(), {.seconds = 1});
  outcome.seconds_before = seconds[0];
  outcome.seconds_after = seconds[1];
  outcome.bytes_before = constant_bytes(*both[0]);
  outcome.bytes_after = constant_bytes(*both[1]);
}

onnx::ExportedModel Compressor::exported(const Builder& build, std::optional<int64_t> batch) const {
  const onnx::ExportOptions options{
      .opset = 21, .input_names = subject_.input_names, .output_names = subject_.output_names};
  if (batch) return onnx::export_model(build(*batch), options);
  if (subject_.any_batch) return onnx::export_batched(build, options);
  return onnx::export_model(build(measured_batch()), options);
}

}  // namespace suan::compress
