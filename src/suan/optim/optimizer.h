// Optimizer: what all optimizers share. A step is plain tensor formulas that assign the parameters
// and the slots, so inside a compiled function it becomes part of the same program.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "suan/graph/state.h"

namespace suan::optim {

// Parameters with settings of their own.
struct ParameterGroup {
  std::vector<StatePtr> parameters;
  double lr_scale = 1;                      // times the optimizer's learning rate
  std::optional<double> weight_decay = {};  // unset: the optimizer's
  bool matrix = true;  // Muon: false sends matrices of this group (embeddings, heads) to AdamW
};

// Two groups: weight_decay for parameters with two or more axes, none for the rest (biases, norms).
std::vector<ParameterGroup> decay_groups(const std::vector<StatePtr>& parameters,
                                         double weight_decay);

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(Optimizer&&) noexcept = default;
  Optimizer& operator=(Optimizer&&) noexcept = default;

  // Assigns the new values of all parameters and slots; grads in the order of parameters(). In lazy
  // mode it computes them at once. Throws Error when the number or a shape does not fit.
  void step(const std::vector<Tensor>& grads);

  const std::vector<StatePtr>& parameters() const { return parameters_; }
  // Learning rate (f32), step count (i64) and slots, named "optimizer.<slot>.<parameter>".
  const std::vector<StatePtr>& states() const { return states_; }
  // The learning rate is a state: a new one does not recompile.
  void set_lr(double lr);
  double lr() const;
  int64_t steps() const;  // taken so far

 protected:
  Optimizer(std::vector<ParameterGroup> groups, double lr, double weight_decay);

  // One parameter in one step.
  struct Update {
    size_t index;
    Tensor value;
    Tensor grad;  // in the dtype of the value
    Tensor lr;    // a scalar; with the group's scale
    double weight_decay;
  };
  // Called before a step's updates with the scalar learning rate and this step's number (from 1),
  // both f32.
  virtual void begin(const Tensor& lr, const Tensor& step);
  // The parameter's new value; assigns its slots.
  virtual Tensor update(const Update& u) = 0;

  // One state per parameter, of its type, filled with `value`; null where `wanted` says no.
  std::vector<StatePtr> make_slots(const std::string& name, double value = 0,
                                   const std::function<bool(size_t)>& wanted = {});
  // Whether it has 2 or 4 axes and its group is for matrices.
  bool is_matrix(size_t index) const;

 private:
  struct Settings {
    double lr_scale;
    double weight_decay;
    bool matrix;
  };
  std::vector<StatePtr> parameters_;
  std::vector<Settings> settings_;
  std::vector<StatePtr> states_;
  StatePtr lr_, step_;
  Array lr_value_;  // what set_lr copies from
};

// 1 - decay^step, accurate for small steps too; `step` is an f32 scalar.
Tensor bias_correction(double decay, const Tensor& step);
// Throws Error naming `optimizer` and `field` unless low <= value < high.
void check_setting(std::string_view optimizer, std::string_view field, double value, double low,
                   double high);

}  // namespace suan::optim
