// Technique: what a training does to its model beside minimising the loss of its task: pruning,
// distillation, quantization (compress/ has them). A recipe lists them as [[technique]].
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "suan/models/create.h"
#include "suan/train/recipe.h"

namespace suan::train {

struct Task;

using SavedShapes = std::map<std::string, Shape>;  // of a checkpoint's tensors, by name

// What a technique may look at when it is applied.
struct TechniqueStart {
  const Recipe& recipe;
  const Task& task;
  // Of the checkpoint that will be loaded: the model must get these shapes. Null: the technique
  // begins now, on a model that has its weights (those of `train.from`, or fresh ones).
  const SavedShapes* saved = nullptr;
};

// One step of a training as it is traced.
struct TracedStep {
  const std::vector<Tensor>& inputs;  // of the model
  const Tensor& labels;
  const Tensor& logits;
};

class Technique {
 public:
  virtual ~Technique() = default;

  // The model to train in place of this one: itself, changed, or one around it.
  virtual std::unique_ptr<models::Model> applied(std::unique_ptr<models::Model> model,
                                                 const TechniqueStart& /*start*/) {
    return model;
  }
  // Traced: the loss of a step in place of `loss`.
  virtual Tensor loss(const Tensor& loss, const TracedStep& /*step*/) { return loss; }
  // Traced: what follows the gradients, before the optimizer uses them; and its update.
  virtual void before_update(const std::vector<StatePtr>& /*parameters*/,
                             std::vector<Tensor>& /*grads*/) {}
  virtual void after_update() {}
  // Before each optimizer step, not traced: the share of the training that is done, 0 to 1.
  virtual void begin_step(double /*done*/) {}
  // Whether the model is by now what the technique makes of it. Evaluations before that are not
  // compared when a run looks for its best weights.
  virtual bool settled() const { return true; }
  // What a checkpoint keeps of it, beside the model's own states.
  virtual std::vector<nn::NamedState> states() { return {}; }
};

// The technique that a choice names (its kind) and its options describe. Throws Error naming the
// nearest for an unknown kind or option. Defined by compress/techniques.cpp, which has the table.
std::unique_ptr<Technique> make_technique(const Choice& choice);

}  // namespace suan::train
