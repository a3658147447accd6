// The compiled functions of a training.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/learner.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/formats/safetensors.h"
#include "suan/nn/init.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"
#include "suan/ops/widen.h"
#include "suan/program/program.h"
#include "suan/tensor/trace_function.h"
#include "suan/train/checkpoint.h"
#include "suan/train/make.h"
#include "suan/train/run_folder.h"

namespace suan::train {
namespace {

constexpr int64_t kIgnored = -100;  // the label of rows that fill up a batch

Array padded(const Array& from, int64_t rows) {
  Shape shape = from.shape;
  shape[0] = rows;
  Array to(from.dtype, shape);
  std::memcpy(to.buffer->data(), from.buffer->data(), from.bytes());
  std::memset(to.as<char>() + from.bytes(), 0, to.bytes() - from.bytes());
  return to;
}

// A last batch that is not full becomes full, so that one program serves all batches.
data::Batch filled_up(const data::Batch& batch, int64_t rows) {
  const int64_t got = batch.x.shape[0];
  if (got == rows) return batch;
  data::Batch full{padded(batch.x, rows), padded(batch.y, rows)};
  const int64_t labels = batch.y.numel();
  for (int64_t i = labels; i < full.y.numel(); ++i) full.y.as<int64_t>()[i] = kIgnored;
  return full;
}

int64_t counted_labels(const Array& y) {
  int64_t count = 0;
  for (const int64_t label : y.span<int64_t>()) count += label != kIgnored;
  return count;
}

// The labels with one entry for each row of the logits: those of a graph come as one sample.
Array labels_by_row(const Array& labels, const Array& logits) {
  Shape rows = logits.shape;
  rows.erase(rows.rank() - 1);
  return {labels.dtype, rows, labels.buffer};
}

bool all_finite(const StatePtr& state) {
  const Type& type = state->type();
  if (!is_float(type.dtype)) return true;
  const void* data = state->buffer()->data();
  return visit(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const std::span values(static_cast<const T*>(data), static_cast<size_t>(type.shape.numel()));
    return std::all_of(values.begin(), values.end(),
                       [](T v) { return std::isfinite(static_cast<float>(v)); });
  });
}

// The checkpoint that `train.from` names: a file, or a run's best or else last one.
std::string from_checkpoint(const std::string& from) {
  if (std::filesystem::is_regular_file(from)) return from;
  return RunFolder::open(from).weights();
}

SavedShapes saved_shapes(const std::string& checkpoint) {
  SavedShapes shapes;
  for (const auto& [name, array] : formats::read_safetensors(checkpoint).tensors) {
    shapes[name] = array.shape;
  }
  return shapes;
}

// How many of a recipe's techniques the run that its weights come from has done.
size_t techniques_done(const Recipe& recipe) {
  if (std::filesystem::is_regular_file(recipe.train.from)) return 0;
  const Recipe before = RunFolder::open(recipe.train.from).recipe();
  size_t done = 0;
  while (done < std::min(before.techniques.size(), recipe.techniques.size()) &&
         before.techniques[done] == recipe.techniques[done]) {
    ++done;
  }
  return done;
}

}  // namespace

// Those that the run where the weights come from has done are done again, to its shapes; the others
// begin.
void Learner::make_techniques(const std::string& checkpoint) {
  for (const Choice& choice : recipe_.techniques) techniques_.push_back(make_technique(choice));
  const auto apply = [&](size_t first, size_t last, const SavedShapes* saved) {
    for (size_t i = first; i < last; ++i) {
      model_ = techniques_[i]->applied(std::move(model_), {recipe_, task_, saved});
    }
  };
  const bool fresh = checkpoint.empty() && recipe_.train.from.empty();
  size_t done = 0;
  if (!fresh) {
    const std::string from = checkpoint.empty() ? from_checkpoint(recipe_.train.from) : checkpoint;
    const SavedShapes saved = saved_shapes(from);
    done = checkpoint.empty() ? techniques_done(recipe_) : techniques_.size();
    apply(0, done, &saved);
    if (checkpoint.empty()) {
      std::vector<nn::NamedState> states;
      for (const StatePtr& s : model_->module().states()) states.push_back({s->name(), s});
      for (size_t i = 0; i < done; ++i) {
        const std::vector<nn::NamedState> own = techniques_[i]->states();
        states.insert(states.end(), own.begin(), own.end());
      }
      load_checkpoint(from, states);
    }
  }
  apply(done, techniques_.size(), nullptr);
}

Learner::Learner(const Recipe& recipe, const Task& task, const std::string& checkpoint)
    : recipe_(recipe), task_(task) {
  if (recipe.train.eval_views > 1 && task.unit != "images") {
    fail("train.eval_views", "is {}, and {} have no mirror image", recipe.train.eval_views,
         task.unit);
  }
  if (recipe.train.threads > 0) set_num_threads(static_cast<int>(recipe.train.threads));
  nn::seed(static_cast<uint64_t>(recipe.train.seed));
  model_ = make_model(recipe.model);
  make_techniques(checkpoint);
  const std::vector<StatePtr> all = model_->module().states();
  parameters_ = model_->module().parameters();
  optimizer_ = make_optimizer(recipe.optimizer, parameters_);
  parameters_ = optimizer_->parameters();
  if (recipe.train.accumulate > 1) accumulator_.emplace(parameters_);
  if (recipe.train.ema > 0) ema_.emplace(parameters_, optim::EmaOptions{recipe.train.ema, true});
  if (recipe.precision() == Arithmetic::f16) scaler_.emplace();

  const auto keep = [this](const std::vector<StatePtr>& states) {
    for (const StatePtr& s : states) states_.push_back({s->name(), s});
  };
  keep(all);
  model_state_count_ = states_.size();
  keep(optimizer_->states());
  if (accumulator_) keep(accumulator_->states());
  if (ema_) keep(ema_->states());
  if (scaler_) keep(scaler_->states());
  for (const auto& technique : techniques_) {
    const std::vector<nn::NamedState> own = technique->states();
    states_.insert(states_.end(), own.begin(), own.end());
  }

  constexpr size_t kMega = 1'000'000;
  CompileOptions options{.precision = recipe.precision(),
                         .memory_budget = static_cast<size_t>(recipe.train.memory_mb) * kMega};
  step_.emplace([this](const std::vector<Tensor>& a) { return trace_step(a, true); }, options);
  accumulate_.emplace([this](const std::vector<Tensor>& a) { return trace_step(a, false); },
                      options);
  options.memory_budget = 0;  // an evaluation keeps nothing that could be computed again
  eval_.emplace([this](const std::vector<Tensor>& a) { return trace_eval(a); }, options);
}

Tensor Learner::loss_of(const Tensor& logits, const Tensor& y) const {
  const double smoothing = training_ ? recipe_.train.label_smoothing : 0;
  if (is_float(y.dtype())) {  // shares of classes
    const double classes = static_cast<double>(logits.size(-1));
    const Tensor target = y * (1 - smoothing) + smoothing / classes;
    return neg(mean(sum(target * log_softmax(logits, -1), {-1})));
  }
  Shape rows = logits.shape();
  rows.erase(rows.rank() - 1);
  return cross_entropy(logits, reshape(y, rows), {.label_smoothing = smoothing});
}

void Learner::check_classes(const Tensor& logits) const {
  if (logits.size(-1) < task_.classes) {
    fail("model", "{} gives {} classes, the data has {}", recipe_.model.name, logits.size(-1),
         task_.classes);
  }
}

std::vector<Tensor> Learner::trace_step(const std::vector<Tensor>& args, bool update) {
  const std::vector<Tensor> inputs = task_.model_inputs(args[0]);
  const Tensor logits = (*model_)(inputs);
  check_classes(logits);
  Tensor loss = loss_of(scaler_ ? widen(logits) : logits, args[1]);
  for (const auto& technique : techniques_) {
    loss = technique->loss(loss, {inputs, args[1], logits});
  }
  std::vector<Tensor> grads = grad(scaler_ ? scaler_->scaled(loss) : loss, parameters_);
  if (scaler_) grads = scaler_->unscaled(grads);
  if (accumulator_) accumulator_->add(grads);
  if (update) trace_update(accumulator_ ? accumulator_->take() : grads);
  std::vector<Tensor> out{loss};
  if (task_.classifies && !is_float(args[1].dtype())) out.push_back(logits);
  if (scaler_) out.push_back(scaler_->states()[0]->read());
  return out;
}

void Learner::trace_update(std::vector<Tensor> grads) {
  const auto step = [&] {
    if (recipe_.train.clip_norm > 0) {
      grads = optim::clip_grad_norm(grads, recipe_.train.clip_norm).grads;
    }
    for (const auto& technique : techniques_) technique->before_update(parameters_, grads);
    optimizer_->step(grads);
    for (const auto& technique : techniques_) technique->after_update();
    if (ema_) ema_->update();
  };
  if (!scaler_) return step();
  std::vector<StatePtr> states = optim::updated_by(*optimizer_);
  if (ema_) states.insert(states.end(), ema_->states().begin(), ema_->states().end());
  scaler_->update(std::vector(grads), states, step);
}

Tensor Learner::eval_logits(const Tensor& x) const {
  Tensor logits = (*model_)(task_.model_inputs(x));
  if (recipe_.train.eval_views == 1) return logits;
  return 0.5 * (logits + (*model_)(task_.model_inputs(flip(x, {-1}))));
}

std::vector<Tensor> Learner::trace_eval(const std::vector<Tensor>& args) {
  const Tensor logits = eval_logits(args[0]);
  if (args.size() == 1) return {cast(logits, DType::f32)};
  std::vector<Tensor> out{loss_of(logits, args[1])};
  if (task_.classifies) out.push_back(logits);
  return out;
}

void Learner::set_training(bool training) {
  if (training == training_) return;
  training_ = training;
  model_->module().train(training);
}

void Learner::swap_average() {
  if (ema_) ema_->swap();
}

std::string Learner::spoilt_state() const {
  for (size_t i = 0; i < model_state_count_; ++i) {
    if (!all_finite(states_[i].state)) return states_[i].name;
  }
  return {};
}

std::vector<Tensor> Learner::arguments(const data::Batch& batch) const {
  return {Tensor::from(batch.x), Tensor::from(batch.y)};
}

Graph Learner::eval_graph(const Type& x) {
  set_training(false);
  return trace_function([this](const std::vector<Tensor>& a) { return trace_eval(a); }, {x}).graph;
}
Graph Learner::step_graph(const Type& x, const Type& y) {
  set_training(true);
  const auto step = [this](const std::vector<Tensor>& a) { return trace_step(a, true); };
  return trace_function(step, {x, y}).graph;
}

double Learner::step_flops(const data::Batch& batch) {
  set_training(true);
  return step_->program(arguments(batch))->flops();
}

void Learner::begin_step(double done) {
  for (const auto& technique : techniques_) technique->begin_step(done);
}

bool Learner::settled() const {
  return std::all_of(techniques_.begin(), techniques_.end(),
                     [](const auto& technique) { return technique->settled(); });
}

StepResult Learner::step(const data::Batch& batch, double lr) {
  set_training(true);
  if (lr != lr_) optimizer_->set_lr(lr);
  lr_ = lr;
  ++calls_;
  const bool update = calls_ % recipe_.train.accumulate == 0;
  std::vector<Tensor> out = (update ? *step_ : *accumulate_)(arguments(batch));
  StepResult result{.loss = out[0].item()};
  if (scaler_) {
    result.loss_scale = out.back().item();
    out.pop_back();
  }
  if (out.size() > 1) {
    Accuracy accuracy;
    const Array logits = out[1].array();
    accuracy.add(logits, labels_by_row(batch.y, logits));
    result.correct = accuracy.correct();
    result.count = accuracy.count();
  }
  return result;
}

namespace {

// The metrics of class scores, batch by batch.
class Scores {
 public:
  explicit Scores(int64_t top_k) : top_(std::max<int64_t>(top_k, 1)), top_k_(top_k) {}

  void add(const Array& logits, const Array& labels, ConfusionMatrix* matrix) {
    constexpr int64_t kMostClasses = 1000;  // the matrix grows with their square
    accuracy_.add(logits, labels);
    if (top_k_ > 0) top_.add(logits, labels);
    const int64_t classes = logits.shape.back();
    if (!matrix_ && classes <= kMostClasses) matrix_.emplace(classes);
    if (matrix_) matrix_->add(logits, labels);
    if (matrix) matrix->add(logits, labels);
  }
  void report(Evaluation& result) const {
    result.accuracy = accuracy_.value();
    if (matrix_) result.f1 = matrix_->f1_macro();
    if (top_k_ > 0) result.top_k_accuracy = top_.value();
    result.top_k = top_k_;
  }

 private:
  Accuracy accuracy_, top_;
  int64_t top_k_;
  std::optional<ConfusionMatrix> matrix_;
};

}  // namespace

Evaluation Learner::evaluate(data::Loader& loader, ConfusionMatrix* matrix) {
  const auto start = std::chrono::steady_clock::now();
  set_training(false);
  swap_average();
  Evaluation result;
  Scores scores(recipe_.train.top_k);
  double loss = 0;
  int64_t rows = 0, full = 0;
  loader.seek({0, 0});
  for (const data::Batch batch : loader) {
    full = std::max(full, batch.x.shape[0]);
    const data::Batch whole = filled_up(batch, full);
    const std::vector<Tensor> args = arguments(whole);
    const std::vector<Tensor> out = (*eval_)(args);
    if (rows == 0) eval_flops_ = eval_->program(args)->flops();
    const int64_t count = counted_labels(batch.y);
    loss += out[0].item() * static_cast<double>(count);
    rows += count;
    result.samples += batch.x.shape[0];
    if (task_.classifies) {
      const Array logits = out[1].array();
      scores.add(logits, labels_by_row(whole.y, logits), matrix);
    }
  }
  swap_average();
  result.loss = loss / static_cast<double>(rows);
  if (task_.classifies) {
    scores.report(result);
  } else {
    result.perplexity = perplexity(result.loss);
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

Array Learner::logits(const Array& x) {
  Array out;
  evaluating([&] { out = (*eval_)({Tensor::from(x)})[0].array(); });
  return out;
}

void Learner::evaluating(const std::function<void()>& f) {
  set_training(false);
  swap_average();
  f();
  swap_average();
}

}  // namespace suan::train
