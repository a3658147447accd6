// The training loop.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/formats/tensorboard.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"
#include "suan/train/checkpoint.h"
#include "suan/train/make.h"
#include "suan/train/progress_bar.h"

namespace suan::train {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSmallestLossScale = 1e-4;  // where it falls further, it falls for ever

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

data::Loader make_train_loader(const Recipe& recipe, const Task& task) {
  data::LoaderOptions options;
  options.batch = std::min(recipe.train.batch, task.train->size());
  options.shuffle = true;
  options.drop_last = true;
  options.workers = static_cast<int>(recipe.data.workers);
  options.seed = static_cast<uint64_t>(recipe.train.seed);
  options.augment = task.train_augment;
  options.mix = task.mix;
  return {task.train, options};
}

data::Loader make_eval_loader(const Recipe& recipe, const Task& task,
                              const data::DatasetPtr& dataset) {
  data::LoaderOptions options;
  options.batch = std::min(recipe.train.eval_batch, dataset->size());
  options.workers = static_cast<int>(recipe.data.workers);
  options.augment = task.eval_augment;
  return {dataset, options};
}

}  // namespace

struct Trainer::Impl {
  Impl(Recipe r, Task t, TrainOptions o, Clock::time_point begin,
       const std::string& checkpoint = "")
      : recipe(std::move(r)),
        task(std::move(t)),
        options(std::move(o)),
        learner(recipe, task, checkpoint),
        loader(make_train_loader(recipe, task)),
        eval_loader(make_eval_loader(recipe, task, task.valid ? task.valid : task.test)),
        bar(stderr, options.quiet),
        start_time(begin) {
    const int64_t accumulate = recipe.train.accumulate;
    const bool by_steps = recipe.train.steps > 0;
    const int64_t unit = by_steps ? accumulate : loader.batches();
    total = (by_steps ? recipe.train.steps : recipe.train.epochs) * unit;
    eval_interval = recipe.train.eval_every * unit;
    checkpoint_interval = recipe.train.checkpoint_every * unit;
    if (total < accumulate) {
      fail("train", "{} batches are fewer than the {} of one optimizer step", total, accumulate);
    }
    const double lr = learner.optimizer().lr();
    schedule = make_schedule(recipe.schedule, lr, total / accumulate,
                             std::max<int64_t>(1, loader.batches() / accumulate));
    if (recipe.schedule.kind == "plateau") {
      plateau = optim::Plateau{.lr = lr,
                               .factor = recipe.schedule.factor,
                               .patience = recipe.schedule.patience,
                               .min_lr = recipe.schedule.min_lr,
                               .larger_is_better = task.classifies};
    }
  }

  double lr() const {
    return plateau ? plateau->lr : schedule(progress.batches / recipe.train.accumulate);
  }
  int64_t epoch() const { return progress.batches / loader.batches(); }  // from 0
  double epochs_done() const {
    return static_cast<double>(progress.batches) / static_cast<double>(loader.batches());
  }
  bool out_of_patience() const {
    return recipe.train.patience > 0 && progress.without_improvement >= recipe.train.patience;
  }

  void save(const std::string& path) {
    check_weights();
    if (plateau) progress.plateau = optim::to_text(*plateau);
    progress.metric_lines = metrics ? metrics->lines() : progress.metric_lines;
    save_checkpoint(path, learner.states(), {progress, task.class_names, task.vocabulary});
    folder.save_kernels();
  }
  void load(const std::string& path) {
    progress = load_checkpoint(path, learner.states()).progress;
    learner.set_calls(progress.batches);
    if (plateau && !progress.plateau.empty()) plateau = optim::parse_plateau(progress.plateau);
  }

  void start();
  void train();
  [[noreturn]] void failed(const Error& error);
  [[noreturn]] void diverged(const std::string& what, int64_t step) const;
  void check_weights() const;
  void train_on(const data::Batch& batch);
  void account(const StepResult& result);
  void show(const StepResult& result);
  void evaluate();
  std::string text_of(const Evaluation& evaluation, double train_loss, double train_accuracy) const;
  bool take_evaluation(const Evaluation& evaluation);
  void stop_if_asked();
  TrainSummary finish();
  Evaluation test(ConfusionMatrix* matrix);

  RunFolder folder;
  Recipe recipe;
  Task task;
  TrainOptions options;
  Learner learner;
  data::Loader loader, eval_loader;
  ProgressBar bar;
  optim::Schedule schedule;
  std::optional<optim::Plateau> plateau;
  Progress progress;
  std::optional<MetricsFile> metrics;
  std::optional<formats::EventWriter> events;
  int64_t total = 0, eval_interval = 0, checkpoint_interval = 0;  // in batches
  std::vector<HistoryPoint> history;
  std::optional<Evaluation> last_evaluation;  // of this call, when nothing was trained since

  // Of this call.
  Clock::time_point start_time;  // when the trainer was made: reading the data counts
  int64_t batches = 0;
  double train_seconds = 0, batch_flops = 0, peak = 1;
  double shown_seconds = 0;  // train_seconds and batches when the line was drawn last
  int64_t shown_batches = 0;

  double units_per_second(double seconds, int64_t count) const {
    const auto per_batch = std::min(recipe.train.batch, task.train->size()) * task.units_per_sample;
    return seconds > 0 ? static_cast<double>(count * per_batch) / seconds : 0;
  }
  double percent_of_peak(double seconds, int64_t count) const {
    return seconds > 0 ? 100 * static_cast<double>(count) * batch_flops / seconds / (peak * 1e9)
                       : 0;
  }
};

void Trainer::Impl::start() {
  peak = peak_gflops(machine_peak(), recipe.precision());
  metrics.emplace(folder.metrics(), progress.metric_lines);
  events.emplace(folder.path());
  if (progress.batches == 0) save(folder.last());
}

void Trainer::Impl::diverged(const std::string& what, int64_t step) const {
  fail(ErrorCode::kNumeric, "train",
       "{} at step {} (epoch {}); the last good checkpoint is {}, of step {}", what, step,
       (step - 1) / loader.batches() + 1, folder.last(),
       read_checkpoint(folder.last()).progress.batches);
}

// A step may have had a good loss and still have spoilt the weights. Those are never saved.
void Trainer::Impl::check_weights() const {
  const std::string name = learner.spoilt_state();
  if (!name.empty()) {
    diverged(fmt::format("'{}' is not finite any more", name), progress.batches);
  }
}

void Trainer::Impl::account(const StepResult& result) {
  progress.loss_sum += result.loss;
  ++progress.loss_count;
  progress.correct += result.correct;
  progress.classified += result.count;
}

void Trainer::Impl::train_on(const data::Batch& batch) {
  if (batch_flops == 0) batch_flops = learner.step_flops(batch);
  const double rate = lr();
  learner.begin_step(static_cast<double>(progress.batches) / static_cast<double>(total));
  const StepResult result = learner.step(batch, rate);
  if (!std::isfinite(result.loss)) {
    bar.print("");
    diverged(fmt::format("the loss is {}", std::isnan(result.loss) ? "nan" : "inf"),
             progress.batches + 1);
  }
  if (result.loss_scale && *result.loss_scale < kSmallestLossScale) {
    bar.print("");
    diverged(
        fmt::format("gradients overflow f16 even with a loss scale of {:.2g}", *result.loss_scale),
        progress.batches + 1);
  }
  ++progress.batches;
  ++batches;
  last_evaluation.reset();
  account(result);
  if (progress.batches % recipe.train.log_every == 0) {
    formats::JsonFields line{{"step", progress.batches}, {"loss", result.loss}, {"lr", rate}};
    if (result.loss_scale) {
      line.emplace_back("loss_scale", *result.loss_scale);
      events->scalar("train/loss_scale", progress.batches, *result.loss_scale);
    }
    metrics->add(line);
    events->scalar("train/loss", progress.batches, result.loss);
    history.push_back({.epoch = epochs_done(), .train_loss = result.loss});
    events->scalar("train/lr", progress.batches, rate);
  }
  if (bar.due()) show(result);
}

void Trainer::Impl::show(const StepResult& result) {
  ProgressLine line;
  const int64_t per_epoch = loader.batches();
  const bool by_steps = recipe.train.steps > 0;
  const int64_t epochs = (total + per_epoch - 1) / per_epoch;
  const int64_t done = progress.batches;
  line.label = by_steps ? fmt::format("step {}/{}", done, total)
                        : fmt::format("epoch {}/{}", (done - 1) / per_epoch + 1, epochs);
  line.share =
      by_steps ? static_cast<double>(done) / static_cast<double>(total)
               : static_cast<double>((done - 1) % per_epoch + 1) / static_cast<double>(per_epoch);
  line.loss = progress.loss_count > 0 ? progress.loss_sum / static_cast<double>(progress.loss_count)
                                      : result.loss;
  if (progress.classified > 0) {
    line.accuracy =
        static_cast<double>(progress.correct) / static_cast<double>(progress.classified);
  }
  line.unit = task.unit;
  line.rate = units_per_second(train_seconds - shown_seconds, batches - shown_batches);
  line.percent_of_peak = percent_of_peak(train_seconds - shown_seconds, batches - shown_batches);
  line.seconds_left =
      since(start_time) / static_cast<double>(batches) * static_cast<double>(total - done);
  shown_seconds = train_seconds;
  shown_batches = batches;
  bar.draw(line);
}

// Whether it is the best so far.
bool Trainer::Impl::take_evaluation(const Evaluation& evaluation) {
  if (!learner.settled()) {  // a model that is still being pruned would win while it is large
    ++progress.evaluations;
    return false;
  }
  const double metric = task.classifies ? evaluation.accuracy : evaluation.loss;
  const bool first = progress.best_batches < 0;
  const bool better = first || (task.classifies ? metric > progress.best : metric < progress.best);
  ++progress.evaluations;
  progress.without_improvement = better ? 0 : progress.without_improvement + 1;
  if (better) {
    progress.best = metric;
    progress.best_batches = progress.batches;
  }
  if (plateau) plateau->update(metric);
  return better;
}

// The line that stays on the terminal.
std::string Trainer::Impl::text_of(const Evaluation& evaluation, double train_loss,
                                   double train_accuracy) const {
  std::string text = recipe.train.steps > 0
                         ? fmt::format("step {}/{}", progress.batches, total)
                         : fmt::format("epoch {:.4g}/{}", epochs_done(), recipe.train.epochs);
  text += fmt::format("  train loss {:.4f}", train_loss);
  if (progress.classified > 0) text += fmt::format(" accuracy {:.2f} %", 100 * train_accuracy);
  text += fmt::format("  {} loss {:.4f}", task.valid ? "valid" : "test", evaluation.loss);
  if (task.classifies) {
    text += fmt::format(" accuracy {:.2f} %", 100 * evaluation.accuracy);
  } else {
    text += fmt::format(" perplexity {:.2f}", evaluation.perplexity);
  }
  return text + fmt::format("  {:.0f} {}/s  {:.1f} % of peak  {:.1f} s",
                            units_per_second(train_seconds, batches), task.unit,
                            percent_of_peak(train_seconds, batches), since(start_time));
}

void Trainer::Impl::evaluate() {
  check_weights();
  const double rate = lr();
  const Evaluation evaluation = learner.evaluate(eval_loader);
  const bool better = take_evaluation(evaluation);
  const double train_loss = progress.loss_sum / static_cast<double>(progress.loss_count);
  const double train_accuracy =
      static_cast<double>(progress.correct) / static_cast<double>(progress.classified);
  const double share = percent_of_peak(train_seconds, batches);
  formats::JsonFields line{
      {"step", progress.batches}, {"epoch", epochs_done()}, {"train_loss", train_loss}};
  if (progress.classified > 0) line.emplace_back("train_accuracy", train_accuracy);
  for (const auto& [name, value] : named_metrics(evaluation)) {
    line.emplace_back("eval_" + name, value);
    events->scalar("eval/" + name, progress.batches, value);
  }
  line.insert(line.end(), {{"lr", rate},
                           {"seconds", since(start_time)},
                           {"samples_per_second", units_per_second(train_seconds, batches)},
                           {"percent_of_peak", share}});
  bar.print(text_of(evaluation, train_loss, train_accuracy));
  metrics->add(line);
  events->scalar("train/percent_of_peak", progress.batches, share);
  events->flush();
  history.push_back(
      {epochs_done(), train_loss, true, evaluation.loss, train_accuracy, evaluation.accuracy});
  progress.loss_sum = 0;
  progress.loss_count = progress.correct = progress.classified = 0;
  last_evaluation = evaluation;
  if (better) save(folder.best());
}

void Trainer::Impl::stop_if_asked() {
  const bool asked = options.stop && options.stop->load();
  const bool until = options.until_epoch > 0 &&
                     progress.batches == options.until_epoch * loader.batches() &&
                     progress.batches < total;
  if (!asked && !until) return;
  save(folder.last());
  fail(ErrorCode::kCancelled, "train", "stopped after step {}; go on with: suan train --resume {}",
       progress.batches, folder.path());
}

Evaluation Trainer::Impl::test(ConfusionMatrix* matrix) {
  if (last_evaluation && !task.valid && !matrix) return *last_evaluation;
  data::Loader test_loader = make_eval_loader(recipe, task, task.test);
  return learner.evaluate(test_loader, matrix);
}

TrainSummary Trainer::Impl::finish() {
  // Weights are chosen by the validation set; without one nothing is chosen.
  if (task.valid && std::filesystem::exists(folder.best())) {
    const Progress at_end = progress;
    load(folder.best());
    progress = at_end;
    last_evaluation.reset();
  }
  const Evaluation evaluation = test(nullptr);
  TrainSummary summary;
  summary.run = folder.path();
  summary.metrics = named_metrics(evaluation);
  if (task.classifies) summary.accuracy = evaluation.accuracy;
  summary.loss = evaluation.loss;
  summary.steps = progress.batches;
  summary.seconds = since(start_time);
  summary.samples_per_second =
      units_per_second(train_seconds, batches) / static_cast<double>(task.units_per_sample);
  summary.percent_of_peak = percent_of_peak(train_seconds, batches);
  summary.gflops = summary.percent_of_peak / 100 * peak;
  summary.stopped_early = progress.batches < total;
  return summary;
}

Trainer::Trainer(Recipe recipe, TrainOptions options) {
  const auto begin = Clock::now();
  const std::string runs = options.runs;
  Task task = make_task(recipe);
  impl_ = std::make_unique<Impl>(std::move(recipe), std::move(task), std::move(options), begin);
  // Compiled before there is a folder: what does not fit leaves none behind.
  impl_->batch_flops = impl_->learner.step_flops(*impl_->loader.begin());
  impl_->folder = RunFolder::create(runs, impl_->recipe);
}

Trainer::Trainer(const RunFolder& folder, TrainOptions options,
                 const std::vector<std::string>& settings) {
  const auto begin = Clock::now();
  Recipe recipe = folder.recipe(settings);
  Task task = make_task(recipe);
  impl_ = std::make_unique<Impl>(recipe, std::move(task), std::move(options), begin, folder.last());
  impl_->folder = folder;
  folder.use_kernels();
  impl_->load(folder.last());
  folder.remove_parts();
  if (!settings.empty()) folder.write_recipe(recipe);
}

Trainer::~Trainer() = default;

// A GPU that is lost in mid-training: the checkpoint on disk stays what it was.
void Trainer::Impl::failed(const Error& error) {
  bar.print("");
  fail(ErrorCode::kSystem, "train",
       "stopped at step {}: {}; the last good checkpoint is {}, of step {}; go on with: suan train "
       "--resume {}",
       progress.batches + 1, error.what(), folder.last(),
       read_checkpoint(folder.last()).progress.batches, folder.path());
}

TrainSummary Trainer::run() {
  try {
    impl_->start();
    impl_->train();
    return impl_->finish();
  } catch (const Error& error) {
    const bool device = current_backend().device && error.code() == ErrorCode::kSystem;
    if (!device || !std::filesystem::exists(impl_->folder.last())) throw;
    impl_->failed(error);
  }
}

void Trainer::Impl::train() {
  Impl& t = *this;
  while (t.progress.batches < t.total && !t.out_of_patience()) {
    t.loader.seek({t.epoch(), t.progress.batches % t.loader.batches()});
    auto before = Clock::now();
    for (const data::Batch batch : t.loader) {
      t.train_on(batch);
      t.train_seconds += since(before);
      const int64_t done = t.progress.batches;
      const bool last = done == t.total;
      if (last || done % t.eval_interval == 0) t.evaluate();
      if (last || done % t.checkpoint_interval == 0) t.save(t.folder.last());
      t.stop_if_asked();
      if (last || t.out_of_patience()) break;
      before = Clock::now();
    }
  }
  t.save(t.folder.last());
}

const std::vector<HistoryPoint>& Trainer::history() const { return impl_->history; }
const RunFolder& Trainer::folder() const { return impl_->folder; }
Learner& Trainer::learner() { return impl_->learner; }
const Task& Trainer::task() const { return impl_->task; }
const Recipe& Trainer::recipe() const { return impl_->recipe; }
Evaluation Trainer::test(ConfusionMatrix* matrix) { return impl_->test(matrix); }

}  // namespace suan::train
