// `suan compress`: a smaller, faster form of a model that keeps a promise about its accuracy.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "apps/suan/commands.h"
#include "apps/suan/interrupt.h"
#include "apps/suan/retrain.h"
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
double parse_percent(const char* option, std::string text) {
  if (!text.empty() && text.back() == '%') text.pop_back();
  size_t used = 0;
  double value = std::numeric_limits<double>::quiet_NaN();
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != text.size() || used == 0 || !(value >= 0)) {
    fail(option, "got '{}', expected a number of 0 or more, such as 0.5%", text);
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

// A form of the model whose precisions are searched: as it is, or as a technique made it.
struct Form {
  std::string what;    // "50 % of the operations pruned"; empty: as it is
  std::string record;  // of a search that was stopped
  std::unique_ptr<compress::Compressor> compressor;
};

class Compression {
 public:
  explicit Compression(const CompressCommandOptions& options)
      : options_(options), subject_(opened(options)) {
    stem_ = stem_of(options, subject_);
    compress::CompressOptions& o = search_;
    o.max_drop = parse_percent("--max-drop", options.max_drop);
    o.objective = parse_enum<compress::Objective>("--objective", options.objective);
    o.calibration.calibrator = parse_enum<compress::Calibrator>("--calibrator", options.calibrator);
    o.batch = options.batch;
    o.exhaustive = options.exhaustive;
    o.stop = &stop_on_interrupt();
    if (!options.quiet) {
      o.say = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
    }
  }

  int run() {
    const bool techniques = !options_.prune.empty() || !options_.teacher.empty();
    if (trains_in_integers() || techniques) {
      const Form form = retrained(forced_retraining());
      return finish(form, forced(*form.compressor), true);
    }
    if (!options_.quantize.empty()) {
      const Form form = as_it_is();
      return finish(form, forced(*form.compressor), true);
    }
    return options_.epochs > 0 ? search_forms() : search_one();
  }

 private:
  // Options that exclude each other, before anything is read.
  static void check(const CompressCommandOptions& options) {
    const bool retrains = !options.prune.empty() || !options.teacher.empty() || options.epochs > 0;
    if (retrains && options.model.ends_with(".onnx")) {
      fail("compress",
           "{} is a model without its training: --prune, --distill-from and --epochs need "
           "a run",
           options.model);
    }
    if (!options.prune.empty() && !options.teacher.empty()) {
      fail("compress",
           "--prune and --distill-from: give one, and then the run that it makes to the "
           "other");
    }
  }
  static compress::Subject opened(const CompressCommandOptions& options) {
    check(options);
    return open_subject(subject_options(options, options.model));
  }
  static SubjectOptions subject_options(const CompressCommandOptions& o, const std::string& model) {
    return {.model = model,
            .data = o.data,
            .settings = o.settings,
            .checkpoint = o.checkpoint,
            .runs = o.runs,
            .samples = o.samples,
            .examples = o.examples};
  }

  Form as_it_is() const {
    return {"", stem_ + ".search",
            std::make_unique<compress::Compressor>(subject_, options_for(stem_ + ".search"))};
  }
  bool trains_in_integers() const {
    return options_.quantize == "int8" && options_.epochs > 0 && options_.prune.empty() &&
           options_.teacher.empty();
  }
  Retraining forced_retraining() const {
    if (trains_in_integers()) return quantizing();
    if (options_.prune.empty()) return distilling(options_.teacher);
    const double removed = parse_percent("--prune", options_.prune) / 100;
    if (!(removed > 0 && removed < 1)) {
      fail("--prune", "got '{}', expected a share of the operations, such as 50%", options_.prune);
    }
    return pruning(removed);
  }
  // The run that a stopped search has trained already is taken.
  Form retrained(const Retraining& how) const {
    const std::string note = stem_ + "." + how.name + ".run";
    std::string run = fs::exists(note) ? read_file(note) : std::string();
    if (run.empty()) {
      run = retrain(how, {.run = options_.model,
                          .runs = options_.runs,
                          .settings = options_.settings,
                          .epochs = options_.epochs,
                          .quiet = options_.quiet,
                          .stop = &stop_on_interrupt()});
      write_file_atomically(note, run);
    }
    compress::Subject subject = open_subject(subject_options(options_, run));
    subject.reference = subject_.trace;
    const std::string record = stem_ + "." + how.name + ".search";
    return {how.what, record,
            std::make_unique<compress::Compressor>(std::move(subject), options_for(record))};
  }
  // A search that was stopped goes on.
  compress::CompressOptions options_for(const std::string& record) const {
    compress::CompressOptions o = search_;
    if (!fs::exists(record)) return o;
    const std::string text = read_file(record);
    o.trials = [text, record](const std::vector<compress::SearchLayer>& layers) {
      return compress::parse_trials(text, layers, record);
    };
    return o;
  }

  // Without a search: what --quantize says, or the form as it is.
  Outcome forced(compress::Compressor& compressor) {
    if (options_.quantize == "int8w" || options_.quantize == "int4w") {
      compress::QuantizeOptions o;
      o.kind = parse_enum<compress::QuantizeKind>("--quantize", options_.quantize);
      o.block = options_.block;
      o.rounding = parse_enum<compress::Rounding>("--rounding", options_.rounding);
      o.embedding = options_.embedding;
      build_ = compressor.builder(o);
      return compressor.apply(o);
    }
    if (options_.quantize == "fp8") {
      fail(ErrorCode::kUnsupported, "--quantize",
           "no kernel of a CPU multiplies FP8: int8 is its form of 8 bits");
    }
    // What was trained in integers has them already.
    const auto p = options_.quantize.empty() || trains_in_integers()
                       ? LayerPrecision::f32
                       : parse_enum<LayerPrecision>("--quantize", options_.quantize);
    Assignment all;
    for (const compress::SearchLayer& layer : compressor.precisions().layers()) {
      const bool can = p != LayerPrecision::int8 || layer.int8_refused.empty();
      all.push_back(can ? p : LayerPrecision::f32);
    }
    build_ = compressor.builder(all);
    return compressor.apply(all);
  }

  Outcome searched(const Form& form) {
    Outcome outcome = form.compressor->search();
    if (!outcome.result.stopped) return outcome;
    write_file_atomically(form.record, compress::to_text(outcome.result.trials, outcome.layers));
    fail(ErrorCode::kCancelled, "compress", "stopped after {} trials; the same command goes on",
         outcome.result.trials.size());
  }
  int search_one() {
    const Form form = as_it_is();
    return finish(form, searched(form), false);
  }

  // The cheapest form that keeps the promise, of all that techniques make; what they lose is told.
  int search_forms() {
    std::vector<Form> forms;
    std::vector<Outcome> outcomes;
    std::vector<compress::Refusal> refused;
    forms.push_back(as_it_is());
    outcomes.push_back(searched(forms[0]));
    for (const Retraining& how : {pruning(0.25), pruning(0.5), factorising(0.5)}) {
      try {
        forms.push_back(retrained(how));
      } catch (const Error& error) {
        if (error.code() == ErrorCode::kCancelled) throw;
        refused.push_back({how.what, error.what()});
        continue;
      }
      outcomes.push_back(searched(forms.back()));
    }
    const size_t best = best_of(outcomes);
    Outcome& chosen = outcomes[best];
    for (size_t i = 0; i < forms.size(); ++i) {
      if (i == best) continue;
      const std::string what = forms[i].what.empty() ? "as it was trained" : forms[i].what;
      refused.push_back({what, outcomes[i].kept
                                   ? fmt::format("{:.2f}x of what is chosen",
                                                 cost_of(outcomes[i]) / cost_of(chosen))
                                   : outcomes[i].why_not});
      const auto& trials = outcomes[i].result.trials;
      chosen.result.trials.insert(chosen.result.trials.end(), trials.begin(), trials.end());
    }
    chosen.result.refused.insert(chosen.result.refused.end(), refused.begin(), refused.end());
    if (!forms[best].what.empty()) fmt::print("form           {}\n", forms[best].what);
    return finish(forms[best], chosen, false);
  }
  double cost_of(const Outcome& o) const {
    return search_.objective == compress::Objective::size ? o.bytes_after / o.bytes_before
                                                          : o.seconds_after / o.seconds_before;
  }
  size_t best_of(const std::vector<Outcome>& outcomes) const {
    size_t best = 0;
    for (size_t i = 1; i < outcomes.size(); ++i) {
      const bool better = outcomes[i].kept &&
                          (!outcomes[best].kept || cost_of(outcomes[i]) < cost_of(outcomes[best]));
      if (better) best = i;
    }
    return best;
  }

  // For any batch size; a recurrent model that folds what depends on it, for one.
  void write(const compress::Compressor& compressor, const std::string& output) const {
    try {
      compressor.exported(build_).save(output);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kUnsupported) throw;
      fmt::print(stderr, "compress: {}: the model is written for batches of {} alone\n",
                 error.what(), options_.batch);
      compressor.exported(build_, options_.batch).save(output);
    }
  }
  // Nothing of what a stopped search left.
  void remove_records() const {
    const fs::path stem(stem_);
    const fs::path folder = stem.has_parent_path() ? stem.parent_path() : fs::path(".");
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
      const std::string name = entry.path().filename();
      const bool ours = name.starts_with(stem.filename().string() + ".") &&
                        (name.ends_with(".search") || name.ends_with(".run"));
      if (ours) fs::remove(entry.path(), none);
    }
  }
  int finish(const Form& form, const Outcome& outcome, bool forced) {
    const bool short_of = !outcome.kept && !forced;
    const std::string output = stem_ + (short_of ? ".not-kept.onnx" : ".onnx");
    if (!forced) build_ = form.compressor->builder(outcome.chosen);
    write(*form.compressor, output);
    remove_records();
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
  const compress::Subject subject_;
  std::string stem_;
  compress::CompressOptions search_;
  compress::Builder build_;  // of what was chosen
};

}  // namespace

int run_compress(const CompressCommandOptions& options) { return Compression(options).run(); }

}  // namespace suan::app
