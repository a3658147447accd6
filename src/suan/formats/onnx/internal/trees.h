// Ensembles of decision trees, however a model writes them down, checked so that no input makes
// them loop or read outside. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {

enum class BranchMode : uint8_t { leq, lt, gte, gt, eq, neq, member };
enum class Aggregate : uint8_t { average, sum, min, max };

struct Branch {
  BranchMode mode = BranchMode::leq;
  bool missing_is_true = false;  // where NaN goes
  int64_t feature = 0;
  double split = 0;
  std::vector<double> members;  // of mode member, ascending
  int64_t yes = 0, no = 0;      // another branch; ~i: leaf i
};
struct Vote {
  int64_t target;
  double weight;
};

struct Ensemble {
  std::vector<Branch> branches;
  std::vector<std::vector<Vote>> leaves;
  std::vector<int64_t> roots;  // as `yes`
  int64_t targets = 0;

  // Throws Error where something lies outside, or branches lead in a circle.
  void check(const NodeView& n, int64_t features) const;
  // Scores [rows, targets] in f64; a target that no leaf votes for gets 0.
  Array scores(std::span<const double> x, int64_t rows, Aggregate aggregate) const;

 private:
  int64_t leaf_of(int64_t root, const double* x) const;
};

// Of TreeEnsembleClassifier and TreeEnsembleRegressor, whose attributes on votes begin with
// "class" or "target".
Ensemble read_node_lists(const NodeView& n, const std::string& votes, int64_t targets);
// Of TreeEnsemble.
Ensemble read_branch_lists(const NodeView& n);
// The numbers of an attribute that is a list of floats, or a tensor as <name>_as_tensor.
std::vector<double> numbers_attribute(const NodeView& n, const std::string& name);

}  // namespace suan::onnx
