// `suan compress`: a smaller, faster form of a model that keeps a promise about its accuracy.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "apps/suan/commands.h"
#include "apps/suan/interrupt.h"
#include "apps/suan/subject.h"
#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/base/nearest.h"
#include "suan/base/threads.h"
#include "suan/compress/compression_report.h"
#include "suan/target/machine.h"

namespace suan::app {
namespace {

namespace fs = std::filesystem;
using compress::Assignment;
using compress::LayerPrecision;
using compress::Outcome;

constexpr int kNotKept = 3;  // exit code of a promise that cannot be kept

// "0.5%" or "0.5".
double parse_drop(std::string text) {
  if (!text.empty() && text.back() == '%') text.pop_back();
  size_t used = 0;
  double value = std::numeric_limits<double>::quiet_NaN();
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != text.size() || used == 0 || !(value >= 0)) {
    fail("--max-drop", "got '{}', expected a number of 0 or more, such as 0.5%", text);
  }
  return value;
}

template <class E>
E parse_enum(const char* option, const std::string& text) {
  const auto names = compress::enum_names(E{});
  const std::vector<std::string> known(names.begin(), names.end());
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] == text) return static_cast<E>(i);
  }
  fail(option, "{}", unknown_name("value", text, known));
}

// Where results go: beside a run's checkpoints, or beside the model.
std::string stem_of(const CompressCommandOptions& options, const compress::Subject& subject) {
  if (!options.output.empty()) {
    if (!options.output.ends_with(".onnx")) {
      fail("--output", "got '{}', expected a file that ends in .onnx", options.output);
    }
    return options.output.substr(0, options.output.size() - 5);
  }
  if (!options.model.ends_with(".onnx")) return subject.name + "/compressed";
  return options.model.substr(0, options.model.size() - 5) + ".compressed";
}

void print_outcome(const Outcome& o) {
  fmt::print("{:<14} {} -> {} (drop {:.2f}, at most {:.2f} with 95 % confidence, {} examples)\n",
             compress::metric_name(o), compress::metric_text(o.metric_before, o.metric),
             compress::metric_text(o.metric_after, o.metric), o.drop, o.bound, o.examples);
  fmt::print("latency        {:.3f} ms -> {:.3f} ms ({:.2f}x)\n", 1e3 * o.seconds_before,
             1e3 * o.seconds_after, o.seconds_after / o.seconds_before);
  fmt::print("weights        {:.3f} MB -> {:.3f} MB ({:.2f}x)\n", o.bytes_before / 1e6,
             o.bytes_after / 1e6, o.bytes_after / o.bytes_before);
  for (const compress::Refusal& r : o.result.refused) {
    fmt::print("refused        {}: {}\n", r.what, r.why);
  }
}

formats::JsonFields to_json(const Outcome& o, const std::string& output) {
  const std::string metric(compress::metric_name(o));
  formats::JsonRows refused;
  for (const compress::Refusal& r : o.result.refused) {
    refused.push_back({{"what", r.what}, {"why", r.why}});
  }
  formats::JsonRows front;
  for (const size_t i : compress::pareto_front(o.result.trials)) {
    const compress::Trial& t = o.result.trials[i];
    front.push_back({{"ratio", t.ratio}, {"drop_points", t.drop}, {"bound", t.bound}});
  }
  return {{metric + "_before", o.metric_before},
          {metric + "_after", o.metric_after},
          {"drop_points", o.drop},
          {"drop_bound", o.bound},
          {"examples", o.examples},
          {"latency_ms_before", 1e3 * o.seconds_before},
          {"latency_ms_after", 1e3 * o.seconds_after},
          {"ratio", o.seconds_after / o.seconds_before},
          {"size_ratio", o.bytes_after / o.bytes_before},
          {"kept", o.kept},
          {"refused", refused},
          {"pareto", front},
          {"output", output}};
}

class Compression {
 public:
  explicit Compression(const CompressCommandOptions& options)
      : options_(options), subject_(open_subject(subject_options(options))) {
    stem_ = stem_of(options, subject_);
    compress::CompressOptions o;
    o.max_drop = parse_drop(options.max_drop);
    o.objective = parse_enum<compress::Objective>("--objective", options.objective);
    o.calibration.calibrator = parse_enum<compress::Calibrator>("--calibrator", options.calibrator);
    o.batch = options.batch;
    o.stop = &stop_on_interrupt();
    if (!options.quiet) {
      o.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
    }
    options_of_search_ = o;
  }

  int run() {
    const bool forced = !options_.quantize.empty();
    const std::string record = stem_ + ".search";
    if (!forced) begin_from(record);
    const Outcome outcome = forced ? this->forced() : compressor().search();
    if (outcome.result.stopped) return stopped(outcome, record);
    std::error_code none;
    fs::remove(record, none);
    return finish(outcome, forced);
  }

 private:
  static SubjectOptions subject_options(const CompressCommandOptions& o) {
    return {.model = o.model,
            .data = o.data,
            .settings = o.settings,
            .checkpoint = o.checkpoint,
            .runs = o.runs,
            .samples = o.samples,
            .examples = o.examples};
  }
  compress::Compressor& compressor() {
    if (!compressor_) compressor_.emplace(std::move(subject_), options_of_search_);
    return *compressor_;
  }
  // A search that was stopped goes on.
  void begin_from(const std::string& record) {
    if (!fs::exists(record)) return;
    const std::string text = read_file(record);
    options_of_search_.trials = [text, record](const std::vector<compress::SearchLayer>& layers) {
      return compress::parse_trials(text, layers, record);
    };
  }
  Outcome forced() {
    if (options_.quantize == "int8w" || options_.quantize == "int4w") {
      compress::QuantizeOptions o;
      o.kind = parse_enum<compress::QuantizeKind>("--quantize", options_.quantize);
      o.block = options_.block;
      o.rounding = parse_enum<compress::Rounding>("--rounding", options_.rounding);
      o.embedding = options_.embedding;
      build_ = compressor().builder(o);
      return compressor().apply(o);
    }
    const auto p = parse_enum<LayerPrecision>("--quantize", options_.quantize);
    Assignment all;
    for (const compress::SearchLayer& layer : compressor().precisions().layers()) {
      const bool can = p != LayerPrecision::int8 || layer.int8_refused.empty();
      all.push_back(can ? p : LayerPrecision::f32);
    }
    build_ = compressor().builder(all);
    return compressor().apply(all);
  }
  int stopped(const Outcome& outcome, const std::string& record) {
    write_file_atomically(record, compress::to_text(outcome.result.trials, outcome.layers));
    fail(ErrorCode::kCancelled, "compress", "stopped after {} trials; the same command goes on",
         outcome.result.trials.size());
  }
  // For any batch size; a recurrent model that folds what depends on it, for one.
  void write(const std::string& output) {
    try {
      compressor().exported(build_).save(output);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      fmt::print(stderr, "compress: {}: the model is written for batches of {} alone\n",
                 error.what(), options_.batch);
      compressor().exported(build_, options_.batch).save(output);
    }
  }
  int finish(const Outcome& outcome, bool forced) {
    const bool short_of = !outcome.kept && !forced;
    const std::string output = stem_ + (short_of ? ".not-kept.onnx" : ".onnx");
    if (!forced) build_ = compressor().builder(outcome.chosen);
    write(output);
    const std::string page = stem_ + ".html";
    write_file_atomically(
        page, compress::to_html(outcome, "Suan: " + options_.model + " compressed",
                                fmt::format("{} ({} threads)", cpu_model(), num_threads())));
    print_outcome(outcome);
    fmt::print("output         {}\nreport         {}\n", output, page);
    if (options_.json) fmt::print("{}\n", json_line(to_json(outcome, output)));
    if (!short_of) return 0;
    fmt::print(stderr, "compress: a drop of at most {} cannot be kept: {}; the best is in {}\n",
               options_.max_drop, outcome.why_not, output);
    return kNotKept;
  }

  const CompressCommandOptions& options_;
  compress::Subject subject_;
  std::string stem_;
  compress::Builder build_;  // of what was chosen without a search
  compress::CompressOptions options_of_search_;
  std::optional<compress::Compressor> compressor_;
};

}  // namespace

int run_compress(const CompressCommandOptions& options) { return Compression(options).run(); }

}  // namespace suan::app
