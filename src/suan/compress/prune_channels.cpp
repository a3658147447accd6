// Structured pruning in a training. What was removed is read off the checkpoint's shapes when a run
// goes on or is used.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/prune_channels.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/compress/training_samples.h"
#include "suan/ops/cross_entropy.h"
#include "suan/ops/shape_ops.h"
#include "suan/tensor/trace_function.h"
#include "suan/train/task.h"

namespace suan::compress {
namespace {

// x and labels of the training set.
std::vector<std::vector<Array>> sample_batches(const train::TechniqueStart& start,
                                               int64_t samples) {
  constexpr int64_t kBatch = 64;
  std::vector<std::vector<Array>> batches;
  for (const data::Batch& batch : training_samples(start, kBatch, samples)) {
    batches.push_back({batch.x, batch.y});
  }
  return batches;
}

class PruneChannels : public train::Technique {
 public:
  explicit PruneChannels(const PruneChannelsOptions& options) : options_(options) {}

  std::unique_ptr<models::Model> applied(std::unique_ptr<models::Model> model,
                                         const train::TechniqueStart& start) override {
    if (start.saved) {
      shrink_to(model->module(), *start.saved);
      return model;
    }
    model->module().eval();
    prune(*model, start);
    model->module().train();
    return model;
  }

 private:
  void prune(models::Model& model, const train::TechniqueStart& start) const {
    const auto batches = sample_batches(start, options_.samples);
    const auto logits = [&](const std::vector<Tensor>& args) {
      return model(start.task.model_inputs(args[0]));
    };
    const auto outputs = [&](const std::vector<Tensor>& args) {
      return std::vector<Tensor>{logits(args)};
    };
    const Array& x = batches.at(0)[0];
    const std::vector<Type> types{Type(x.dtype, x.shape)};
    const ChannelTies ties = find_channel_ties(trace_function(outputs, types).graph);
    for (const PinnedAxis& p : ties.pinned) {
      log(LogLevel::kInfo, "prune_channels: axis {} of {} stays: it {}", p.at.axis,
          p.at.state->name(), p.reason);
    }
    const auto loss = [&](const std::vector<Tensor>& args) {
      const Tensor scores = logits(args);
      Shape rows = scores.shape();
      rows.erase(rows.rank() - 1);
      return cross_entropy(scores, reshape(args[1], rows));
    };
    const bool taylor = options_.importance == ChannelImportance::taylor;
    const std::vector<double> importance =
        taylor ? taylor_importance(ties, loss, batches) : norm_importance(ties);
    const std::vector<bool> removed = choose_channels(
        ties, importance, {options_.flops, options_.multiple, options_.floor, options_.by_price});
    const double before = ties.flops(std::vector<bool>(removed.size(), false));
    remove_channels(ties, removed);
    log(LogLevel::kInfo, "prune_channels: {} of {} units removed, {:.3f} of the operations left",
        std::ranges::count(removed, true), removed.size(), ties.flops(removed) / before);
    trace_anew(outputs, types);
  }

  // Code that has a number of channels written down in it fails here.
  static void trace_anew(
      const std::function<std::vector<Tensor>(const std::vector<Tensor>&)>& outputs,
      const std::vector<Type>& types) {
    try {
      trace_function(outputs, types);
    } catch (const Error& error) {
      fail("prune_channels", "the model's code does not follow the shapes of its weights: {}",
           error.what());
    }
  }

  PruneChannelsOptions options_;
};

}  // namespace

void shrink_to(nn::Module& module, const train::SavedShapes& saved) {
  for (const StatePtr& state : module.states()) {
    const auto found = saved.find(state->name());
    const Shape& had = state->type().shape;
    if (found == saved.end() || found->second == had) continue;
    const Shape& wanted = found->second;
    if (wanted.rank() != had.rank() ||
        !std::equal(wanted.begin(), wanted.end(), had.begin(), std::less_equal<>())) {
      fail("prune_channels", "the checkpoint's '{}' is {}, expected no more than {}", state->name(),
           to_string(wanted), to_string(had));
    }
    Array array(state->type().dtype, wanted);
    std::fill_n(array.as<char>(), array.bytes(), 0);
    state->reset(std::move(array));
  }
}

std::unique_ptr<train::Technique> make_prune_channels(const train::Options& options) {
  constexpr const char* kWhat = "technique.prune_channels";
  PruneChannelsOptions own;
  train::read_options(kWhat, options, own, PruneChannelsOptions::fields());
  if (!(own.flops > 0 && own.flops < 1)) {
    fail(kWhat, "flops is {}, expected a share between 0 and 1", own.flops);
  }
  if (own.multiple < 1) fail(kWhat, "multiple is {}, expected 1 or more", own.multiple);
  if (!(own.floor >= 0 && own.floor < 1)) {
    fail(kWhat, "floor is {}, expected a share from 0 to below 1", own.floor);
  }
  if (own.samples < 1) fail(kWhat, "samples is {}, expected 1 or more", own.samples);
  return std::make_unique<PruneChannels>(own);
}

}  // namespace suan::compress
