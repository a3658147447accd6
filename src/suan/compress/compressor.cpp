// The search's questions answered by programs and data.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/compressor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "suan/base/error.h"
#include "suan/compress/latency.h"
#include "suan/target/machine.h"

namespace suan::compress {
namespace {

using P = LayerPrecision;

int64_t batch_of(const std::vector<data::Batch>& batches) { return batches.at(0).x.shape[0]; }

// Of the parts that sample i of n has in the arrays.
double cosine_of(const std::vector<Array>& a, const std::vector<Array>& b, int64_t i, int64_t n) {
  double aa = 0, bb = 0, ab = 0;
  for (size_t k = 0; k < a.size(); ++k) {
    const auto part = static_cast<size_t>(a[k].numel() / n);
    const auto x = a[k].span<float>().subspan(static_cast<size_t>(i) * part, part);
    const auto y = b[k].span<float>().subspan(static_cast<size_t>(i) * part, part);
    for (size_t j = 0; j < part; ++j) {
      aa += static_cast<double>(x[j]) * x[j];
      bb += static_cast<double>(y[j]) * y[j];
      ab += static_cast<double>(x[j]) * y[j];
    }
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : static_cast<double>(aa == bb);
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

// Runs a graph's program on a batch's inputs.
Scores Compressor::scores(const Graph& graph) const {
  const auto context = std::make_shared<RunContext>(Program::build(graph, cpu_backend()));
  const Type type = graph.outputs[0].type();
  return [this, context, type](const data::Batch& batch) {
    std::vector<BufferPtr> inputs;
    for (const Array& array : subject_.inputs ? subject_.inputs(batch.x) : Batch{batch.x}) {
      inputs.push_back(array.buffer);
    }
    const BufferPtr result = context->run(inputs)[0];
    return Array{type.dtype, type.shape, Buffer::copy_of(result->data(), type.bytes())};
  };
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

std::vector<double> Compressor::costs(const std::vector<Assignment>& assignments) {
  std::vector<ProgramPtr> programs;
  for (const Assignment& a : assignments) {
    ProgramPtr& program = programs_[a];
    if (!program) program = Program::build(precisions_.build(a, measured_batch()), cpu_backend());
    programs.push_back(program);
  }
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
  constexpr size_t kMostPrograms = 64;
  if (programs_.size() > kMostPrograms) programs_.clear();
  return latencies(programs, measured_inputs());
}

Builder Compressor::builder(const Assignment& assignment) const {
  return [this, assignment](int64_t batch) { return precisions_.build(assignment, batch); };
}
Builder Compressor::builder(const QuantizeOptions& options) {
  return [this, options](int64_t batch) { return precisions_.build_with_weights(options, batch); };
}

Judge::Verdict Compressor::judged(const Judge& judge, const Builder& build) const {
  return judge.judge(scores(build(judge.batch())));
}

// Sample by sample, over all outputs together.
double Compressor::cosine(const Builder& build) const {
  const int64_t batch = subject_.calibration[0][0].shape[0];
  const Graph original = precisions_.original(batch), other = build(batch);
  std::vector<std::vector<Array>> wanted;
  for_each_batch(original, original.outputs, subject_.calibration,
                 [&](const std::vector<Array>& outputs) { wanted.push_back(outputs); });
  double sum = 0;
  size_t next = 0;
  for_each_batch(other, other.outputs, subject_.calibration, [&](const std::vector<Array>& got) {
    for (int64_t i = 0; i < batch; ++i) sum += cosine_of(wanted[next], got, i, batch);
    ++next;
  });
  return sum / static_cast<double>(batch * static_cast<int64_t>(next));
}

Outcome Compressor::search() {
  Outcome outcome;
  outcome.layers = precisions_.layers();
  outcome.report = precisions_.report();
  const Scores original = scores(precisions_.original(batch_of(subject_.search)));
  const Judge judge(subject_.search, subject_.classifies, original);
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
                              .stop = options_.stop};
  const std::vector<SearchLayer>& layers = precisions_.layers();
  outcome.result = compress::search(
      layers, questions, options, options_.trials ? options_.trials(layers) : std::vector<Trial>());
  if (!outcome.result.stopped) verify(outcome);
  return outcome;
}

Outcome Compressor::apply(const Builder& build) {
  Outcome outcome;
  outcome.layers = precisions_.layers();
  measure(outcome, build);
  if (subject_.labelled()) {
    const Judge judge(subject_.held_out, subject_.classifies,
                      scores(precisions_.original(batch_of(subject_.held_out))));
    const Judge::Verdict v = judged(judge, build);
    outcome.metric_before = judge.original();
    outcome.metric_after = v.metric;
    outcome.drop = v.drop.drop();
    outcome.bound = v.drop.bound();
    outcome.examples = v.drop.examples();
    outcome.kept = v.drop.keeps(options_.max_drop);
  } else {
    outcome.metric_before = 1;
    outcome.metric_after = cosine(build);
    outcome.examples = sample_count(subject_.calibration);
  }
  outcome.report = precisions_.report();
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
  const Judge judge(subject_.held_out, subject_.classifies,
                    scores(precisions_.original(batch_of(subject_.held_out))));
  outcome.metric_before = outcome.metric_after = judge.original();
  outcome.examples = judge.examples();
  outcome.chosen = Assignment(outcome.layers.size(), P::f32);
  const auto take = [&](const Assignment& a, const Judge::Verdict& v) {
    outcome.chosen = a;
    outcome.metric_after = v.metric;
    outcome.drop = v.drop.drop();
    outcome.bound = v.drop.bound();
  };
  for (const Trial& t : order) {
    const Judge::Verdict v = judged(judge, builder(t.assignment));
    take(t.assignment, v);
    outcome.kept = v.drop.keeps(options_.max_drop);
    if (outcome.kept) break;
    const auto needed = v.drop.examples_needed(options_.max_drop);
    outcome.why_not =
        needed ? fmt::format("{} held-out examples are too few to show it: about {} are needed",
                             v.drop.examples(), *needed)
               : fmt::format("on held-out data it loses {}",
                             drop_text(v.drop.drop(), subject_.classifies));
  }
  const bool faster =
      std::ranges::any_of(outcome.result.trials, [](const Trial& t) { return t.ratio < 1; });
  if (!faster) {  // the original is what is best here
    outcome.kept = true;
  } else if (!outcome.kept && order.empty()) {
    // The best that can: what loses least.
    const Trial& least = *std::ranges::min_element(outcome.result.trials, {}, &Trial::drop);
    take(least.assignment, judged(judge, builder(least.assignment)));
    outcome.why_not =
        fmt::format("the least that can be lost is {}", drop_text(least.drop, subject_.classifies));
  }
  measure(outcome, builder(outcome.chosen));
}

void Compressor::measure(Outcome& outcome, const Builder& build) {
  const int64_t batch = measured_batch();
  const std::vector<ProgramPtr> both{Program::build(precisions_.original(batch), cpu_backend()),
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
