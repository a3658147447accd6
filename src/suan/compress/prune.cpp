// Masks in a training: grown on the host between steps, applied in the step behind the optimizer.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/prune.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/compress/masks.h"
#include "suan/nn/embedding.h"
#include "suan/ops/elementwise.h"

namespace suan::compress {
namespace {

constexpr const char* kWhat = "technique.prune";
constexpr int64_t kFinished = -1;

void collect_embeddings(nn::Module& module, std::unordered_set<State*>& out) {
  const nn::Members members = module.members();
  for (const nn::Member& m : members.list()) {
    if (m.module) collect_embeddings(*m.module, out);
    if (m.state && dynamic_cast<nn::Embedding*>(&module)) out.insert(m.state.get());
  }
}

Array nonzero(const Array& weight) {
  Array mask(DType::boolean, weight.shape);
  std::ranges::transform(weight.span<float>(), mask.as<bool>(), [](float v) { return v != 0; });
  return mask;
}

void set_zeros(const StatePtr& weight, const Array& mask) {
  Array array = weight->array();
  for (size_t i = 0; i < array.span<float>().size(); ++i) {
    if (!mask.as<bool>()[i]) array.as<float>()[i] = 0;
  }
  weight->load(array);
}

class Prune : public train::Technique {
 public:
  Prune(const PruneOptions& options, std::unique_ptr<MaskPattern> pattern)
      : options_(options), pattern_(std::move(pattern)) {
    step_ = State::create("prune.step", Array(DType::i64, Shape{}));
    set_step(0);
  }

  std::unique_ptr<models::Model> applied(std::unique_ptr<models::Model> model,
                                         const train::TechniqueStart& start) override {
    if (start.recipe.train.ema > 0) {
      fail(kWhat,
           "train.ema is {}, and an average of weights is not zero where they become it; "
           "expected 0",
           start.recipe.train.ema);
    }
    std::unordered_set<State*> embeddings;
    collect_embeddings(model->module(), embeddings);
    for (const StatePtr& state : model->module().parameters()) {
      const Type& type = state->type();
      if (type.shape.rank() < 2 || type.dtype != DType::f32 || embeddings.contains(state.get()) ||
          pattern_->units(type.shape) == 0) {
        continue;
      }
      weights_.push_back(state);
    }
    if (weights_.empty()) {
      fail(kWhat, "{} has no weights that can have the pattern {}", start.recipe.model.name,
           options_.pattern);
    }
    return model;
  }

  // Made when asked for: techniques behind this one may have changed the weights' shapes.
  std::vector<nn::NamedState> states() override {
    std::vector<nn::NamedState> out{{step_->name(), step_}};
    masks_.resize(weights_.size());
    for (size_t i = 0; i < weights_.size(); ++i) {
      const StatePtr& weight = weights_[i];
      if (!masks_[i]) {
        Array all(DType::boolean, weight->type().shape);
        std::fill_n(all.as<bool>(), all.shape.numel(), true);
        masks_[i] = State::create("prune.mask." + weight->name(), std::move(all));
      }
      if (!(masks_[i]->type().shape == weight->type().shape)) {
        masks_[i]->reset(nonzero(weight->array()));
      }
      out.push_back({masks_[i]->name(), masks_[i]});
    }
    if (options_.method == PruneMethod::movement) add_scores(out);
    return out;
  }

  void before_update(const std::vector<StatePtr>& parameters, std::vector<Tensor>& grads) override {
    for (size_t i = 0; i < scores_.size(); ++i) {
      const auto found = std::ranges::find(parameters, weights_[i]);
      if (found == parameters.end()) continue;
      const Tensor& gradient = grads[static_cast<size_t>(found - parameters.begin())];
      const Tensor moved = neg(weights_[i]->read() * cast(gradient, DType::f32));
      // A step that overflowed f16 is undone by the loss scaler, which does not know of scores.
      scores_[i]->assign(scores_[i]->read() + select(is_finite(moved), moved, 0.0));
    }
  }

  void after_update() override {
    for (size_t i = 0; i < weights_.size(); ++i) {
      weights_[i]->assign(select(masks_[i]->read(), weights_[i]->read(), 0.0));
    }
  }

  bool settled() const override { return step() == kFinished; }

  void begin_step(double done) override {
    const int64_t step = this->step();
    if (step == kFinished) return;
    // Where the next step begins: at or behind the end, this is the last chance.
    const auto taken = static_cast<double>(step);
    const double next = step > 0 ? done * (taken + 1) / taken : 0;
    const bool finishes = next >= options_.end - 1e-9;
    const bool grows = done >= options_.begin && step % options_.every == 0;
    if (finishes || grows) {
      grow(finishes ? 1 : pruned_share(done, options_.begin, options_.end));
    }
    set_step(finishes ? kFinished : step + 1);
  }

 private:
  int64_t step() const { return step_->array().as<int64_t>()[0]; }
  void set_step(int64_t value) {
    Array array(DType::i64, Shape{});
    array.as<int64_t>()[0] = value;
    step_->load(array);
  }

  void add_scores(std::vector<nn::NamedState>& out) {
    scores_.resize(weights_.size());
    for (size_t i = 0; i < weights_.size(); ++i) {
      const Shape& shape = weights_[i]->type().shape;
      if (!scores_[i] || !(scores_[i]->type().shape == shape)) {
        Array zeros(DType::f32, shape);
        std::fill_n(zeros.as<float>(), shape.numel(), 0.0F);
        scores_[i] = State::create("prune.score." + weights_[i]->name(), std::move(zeros));
      }
      out.push_back({scores_[i]->name(), scores_[i]});
    }
  }

  void grow(double share) {
    std::vector<Array> masks, scores;
    for (size_t i = 0; i < weights_.size(); ++i) {
      masks.push_back(masks_[i]->array());
      scores.push_back(scores_.empty() ? weights_[i]->array() : scores_[i]->array());
      if (!scores_.empty()) continue;
      for (float& v : scores.back().span<float>()) v = std::abs(v);
    }
    const double units = share * options_.sparsity / pattern_->most();
    cut_units(*pattern_, scores, masks, units, options_.scope == PruneScope::global);
    for (size_t i = 0; i < weights_.size(); ++i) {
      masks_[i]->load(masks[i]);
      set_zeros(weights_[i], masks[i]);
    }
  }

  PruneOptions options_;
  std::unique_ptr<MaskPattern> pattern_;
  std::vector<StatePtr> weights_, masks_, scores_;
  StatePtr step_;  // batches begun, or kFinished when nothing more will be cut
};

void check(const PruneOptions& o, const MaskPattern& pattern) {
  if (!(o.sparsity > 0 && o.sparsity <= pattern.most() && o.sparsity < 1)) {
    fail(kWhat, "sparsity is {}, expected a share above 0 and {}", o.sparsity,
         pattern.most() < 1 ? fmt::format("up to {}", pattern.most()) : "below 1");
  }
  if (!(o.begin >= 0 && o.begin < o.end && o.end <= 1)) {
    fail(kWhat, "begin and end are {} and {}, expected 0 <= begin < end <= 1", o.begin, o.end);
  }
  if (o.every < 1) fail(kWhat, "every is {}, expected 1 or more", o.every);
}

}  // namespace

std::span<const std::string_view> enum_names(PruneMethod /*method*/) {
  static constexpr std::array<std::string_view, 2> kNames{"magnitude", "movement"};
  return kNames;
}
std::span<const std::string_view> enum_names(PruneScope /*scope*/) {
  static constexpr std::array<std::string_view, 2> kNames{"global", "layer"};
  return kNames;
}

double pruned_share(double done, double begin, double end) {
  const double left = 1 - std::clamp((done - begin) / (end - begin), 0.0, 1.0);
  return 1 - left * left * left;
}

std::unique_ptr<train::Technique> make_prune(const train::Options& options) {
  PruneOptions own;
  train::read_options(kWhat, options, own, PruneOptions::fields());
  auto pattern = make_mask_pattern(own.pattern, own.block_rows, own.block_columns);
  if (!options.contains("sparsity")) own.sparsity = std::min(0.8, pattern->most());
  check(own, *pattern);
  return std::make_unique<Prune>(own, std::move(pattern));
}

}  // namespace suan::compress
