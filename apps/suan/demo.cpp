// `suan demo`: trains on digits, compresses and compiles the model, shows ten predictions in the
// terminal and writes a report.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "apps/suan/commands.h"
#include "apps/suan/draw.h"
#include "apps/suan/interrupt.h"
#include "apps/suan/stages.h"
#include "suan/base/file.h"
#include "suan/base/threads.h"
#include "suan/target/machine.h"
#include "suan/train/inference.h"
#include "suan/train/report.h"

namespace suan::app {
namespace {

constexpr int64_t kShown = 10;
constexpr double kMaxDrop = 0.5;  // points of accuracy that compression may cost

// Real digits where they are at hand, else generated ones.
train::Recipe demo_recipe() {
  const char* data = std::getenv("SUAN_DATA");
  if (data && std::filesystem::is_directory(std::string(data) + "/mnist")) {
    return train::load_recipe("mnist-lenet", {"name=demo-mnist", "train.epochs=2"});
  }
  return train::load_recipe("digits-lenet", {"name=demo-digits"});
}

std::vector<train::ReportSample> sample_predictions(const train::Trainer& trainer) {
  train::LoadedRun run(trainer.folder());
  const data::Dataset& test = *trainer.task().test;
  const data::SampleSpec spec = test.spec();
  std::vector<train::ReportSample> samples;
  Random unused(0);
  for (int64_t i = 0; i < std::min(kShown, test.size()); ++i) {
    train::ReportSample sample{.image = Array(DType::u8, spec.x_shape)};
    int64_t label = 0;
    test.read(i, unused, sample.image.buffer->data(), &label);
    const train::Prediction p = run.predict_image(sample.image);
    sample.label = run.task().class_names[static_cast<size_t>(label)];
    sample.prediction = p.name;
    sample.probability = p.probability;
    samples.push_back(std::move(sample));
  }
  return samples;
}

void show(const std::vector<train::ReportSample>& samples) {
  std::vector<Picture> pictures;
  for (const train::ReportSample& s : samples) {
    const bool right = s.label == s.prediction;
    pictures.push_back({s.image,
                        fmt::format("{} ({:.1f} %){}", s.prediction, 100 * s.probability,
                                    right ? "" : ", is " + s.label),
                        !right});
  }
  fmt::print("{}", draw(pictures, terminal_columns(), terminal_colours()));
}

void show(const std::vector<train::ReportStage>& stages) {
  const train::ReportStage& first = stages.front();
  for (const train::ReportStage& s : stages) {
    fmt::print("{:<13} {:.2f} %, {:8.1f} kB ({:.2f}x), {:7.1f} us ({:.2f}x): {}\n", s.name,
               100 * s.accuracy, s.bytes / 1e3, s.bytes / first.bytes, 1e6 * s.seconds,
               s.seconds / first.seconds, s.file);
  }
}

}  // namespace

int run_demo(const DemoOptions& options) {
  train::Recipe recipe = demo_recipe();
  if (options.threads) recipe.train.threads = options.threads;
  { const AtomicFile probe(options.report); }  // a mistake in the path costs no training
  train::Trainer trainer(recipe, {.runs = options.runs, .stop = &stop_on_interrupt()});
  fmt::print(stderr, "Training {} on {} {} with {} threads of {}\n", recipe.model.name,
             trainer.task().train->size(),
             recipe.data.kind == "mnist" ? "images of MNIST" : "generated digits", num_threads(),
             cpu_model());
  const train::TrainSummary summary = trainer.run();
  train::ConfusionMatrix confusion(trainer.task().classes);
  trainer.test(&confusion);
  train::Report report{.title = fmt::format("Suan: {} on {}", recipe.model.name, recipe.data.kind),
                       .summary = summary,
                       .history = trainer.history(),
                       .confusion = &confusion,
                       .class_names = trainer.task().class_names,
                       .samples = sample_predictions(trainer),
                       .stages = deploy(summary.run, kMaxDrop, &stop_on_interrupt()),
                       .machine = fmt::format("{} ({} threads)", cpu_model(), num_threads()),
                       .peak_gflops = peak_gflops(machine_peak(), recipe.precision())};
  write_file_atomically(options.report, train::to_html(report));
  show(report.samples);
  fmt::print(
      "test accuracy {:.2f} % after {:.1f} s; {:.1f} GFLOP/s, {:.1f} % of this machine's peak\n",
      100 * *summary.accuracy, summary.seconds, summary.gflops, summary.percent_of_peak);
  show(report.stages);
  fmt::print("report        {}\nrun           {}\n", options.report, summary.run);
  if (options.json) {
    formats::JsonFields fields = train::to_json(summary);
    fields.emplace_back("report", options.report);
    formats::JsonRows stages;
    for (const train::ReportStage& s : report.stages) {
      stages.push_back({{"stage", s.name},
                        {"accuracy", s.accuracy},
                        {"bytes", s.bytes},
                        {"latency_ms", 1e3 * s.seconds},
                        {"file", s.file}});
    }
    fields.emplace_back("stages", stages);
    fmt::print("{}\n", json_line(fields));
  }
  return 0;
}

}  // namespace suan::app
