// Reading ensembles of trees, checking them, and following them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/trees.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "suan/base/threads.h"

namespace suan::onnx {
namespace {

std::vector<double> numbers_of(const NodeView& n, const Array& array) {
  if (!is_arithmetic(array.dtype)) n.fail("a list of numbers is {}", name(array.dtype));
  return array.to_vector<double>();
}

// A list with as many elements as there are nodes; empty: it may be left out.
template <class T>
void check_length(const NodeView& n, std::string_view name, const std::vector<T>& list,
                  size_t size) {
  if (list.size() != size) n.fail("{} has {} elements, expected {}", name, list.size(), size);
}

// An attribute with one integer for each node.
std::vector<int64_t> ints_of(const NodeView& n, const std::string& name, size_t nodes) {
  std::vector<int64_t> values = n.ints(name);
  check_length(n, name, values, nodes);
  return values;
}

bool holds(const Branch& b, double x) {
  switch (b.mode) {
    case BranchMode::leq:
      return x <= b.split;
    case BranchMode::lt:
      return x < b.split;
    case BranchMode::gte:
      return x >= b.split;
    case BranchMode::gt:
      return x > b.split;
    case BranchMode::eq:
      return x == b.split;
    case BranchMode::neq:
      return x != b.split;
    case BranchMode::member:
      break;
  }
  return std::binary_search(b.members.begin(), b.members.end(), x);
}

// Where a node is, as in Branch::yes, by its tree and its number.
using Places = std::map<std::pair<int64_t, int64_t>, int64_t>;

int64_t place_of(const NodeView& n, const Places& places, int64_t tree, int64_t id) {
  const auto found = places.find({tree, id});
  if (found == places.end()) n.fail("tree {} has no node {}", tree, id);
  return found->second;
}

void read_votes(const NodeView& n, const std::string& votes, const Places& places, Ensemble& e) {
  const auto vote_trees = n.ints(votes + "_treeids"), vote_nodes = n.ints(votes + "_nodeids"),
             vote_ids = n.ints(votes + "_ids");
  const std::vector<double> weights = numbers_attribute(n, votes + "_weights");
  check_length(n, votes + "_nodeids", vote_nodes, vote_trees.size());
  check_length(n, votes + "_ids", vote_ids, vote_trees.size());
  check_length(n, votes + "_weights", weights, vote_trees.size());
  for (size_t i = 0; i < vote_trees.size(); ++i) {
    const int64_t place = place_of(n, places, vote_trees[i], vote_nodes[i]);
    if (place < 0) e.leaves[static_cast<size_t>(~place)].push_back({vote_ids[i], weights[i]});
  }
}

}  // namespace

void Ensemble::check(const NodeView& n, int64_t features) const {
  const auto count = static_cast<int64_t>(branches.size());
  const auto exists = [&](int64_t at) {
    return at >= 0 ? at < count : ~at < static_cast<int64_t>(leaves.size());
  };
  for (int64_t i = 0; i < count; ++i) {
    const Branch& b = branches[static_cast<size_t>(i)];
    if (!exists(b.yes) || !exists(b.no)) n.fail("node {} leads to a node that is not there", i);
    if (b.feature < 0 || b.feature >= features) {
      n.fail("node {} asks for feature {} of {}", i, b.feature, features);
    }
  }
  for (const auto& leaf : leaves) {
    for (const Vote& vote : leaf) {
      if (vote.target < 0 || vote.target >= targets) {
        n.fail("a leaf votes for {} of {}", vote.target, targets);
      }
    }
  }
  if (roots.empty()) n.fail("has no trees");
  enum : uint8_t { fresh, open, done };
  std::vector<uint8_t> state(branches.size(), fresh);
  std::vector<int64_t> path;
  for (int64_t root : roots) {
    if (!exists(root)) n.fail("tree root {} is not there", root);
    if (root >= 0 && state[static_cast<size_t>(root)] == fresh) path.push_back(root);
    while (!path.empty()) {
      const auto at = static_cast<size_t>(path.back());
      if (state[at] != fresh) {
        state[at] = done;
        path.pop_back();
        continue;
      }
      state[at] = open;
      for (int64_t next : {branches[at].yes, branches[at].no}) {
        if (next < 0) continue;
        if (state[static_cast<size_t>(next)] == open) n.fail("node {} leads back to itself", next);
        if (state[static_cast<size_t>(next)] == fresh) path.push_back(next);
      }
    }
  }
}

int64_t Ensemble::leaf_of(int64_t root, const double* x) const {
  int64_t at = root;
  while (at >= 0) {
    const Branch& b = branches[static_cast<size_t>(at)];
    const double value = x[b.feature];
    at = (std::isnan(value) ? b.missing_is_true : holds(b, value)) ? b.yes : b.no;
  }
  return ~at;
}

Array Ensemble::scores(std::span<const double> x, int64_t rows, Aggregate aggregate) const {
  Array y(DType::f64, {rows, targets});
  const int64_t features = rows ? static_cast<int64_t>(x.size()) / rows : 0;
  parallel_for(rows, 16, [&](int64_t begin, int64_t end) {
    std::vector<bool> has(static_cast<size_t>(targets));
    for (int64_t r = begin; r < end; ++r) {
      double* row = y.as<double>() + r * targets;
      std::fill_n(row, targets, 0.0);
      std::fill(has.begin(), has.end(), false);
      for (int64_t root : roots) {
        const int64_t leaf = leaf_of(root, x.data() + r * features);
        for (const auto& [target, weight] : leaves[static_cast<size_t>(leaf)]) {
          const bool first = !has[static_cast<size_t>(target)];
          has[static_cast<size_t>(target)] = true;
          double& sum = row[target];
          if (aggregate == Aggregate::min) {
            sum = first ? weight : std::min(sum, weight);
          } else if (aggregate == Aggregate::max) {
            sum = first ? weight : std::max(sum, weight);
          } else {
            sum += weight;
          }
        }
      }
      if (aggregate != Aggregate::average) continue;
      for (int64_t t = 0; t < targets; ++t) row[t] /= static_cast<double>(roots.size());
    }
  });
  return y;
}

std::vector<double> numbers_attribute(const NodeView& n, const std::string& name) {
  if (n.has_attr(name + "_as_tensor")) {
    const Array array = n.tensor(name + "_as_tensor");
    if (array.numel()) return numbers_of(n, array);
  }
  return n.floats(name);
}

Ensemble read_node_lists(const NodeView& n, const std::string& votes, int64_t targets) {
  constexpr std::string_view kModes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                         "BRANCH_GT",  "BRANCH_EQ", "BRANCH_NEQ"};
  Ensemble e{.targets = targets};
  const std::vector<std::string> modes = n.strings("nodes_modes");
  const auto list = [&](const std::string& name) { return ints_of(n, name, modes.size()); };
  const auto trees = list("nodes_treeids"), ids = list("nodes_nodeids"),
             features = list("nodes_featureids"), yes = list("nodes_truenodeids"),
             no = list("nodes_falsenodeids");
  const std::vector<int64_t> missing = n.has_attr("nodes_missing_value_tracks_true")
                                           ? list("nodes_missing_value_tracks_true")
                                           : std::vector<int64_t>(modes.size());
  const std::vector<double> splits = numbers_attribute(n, "nodes_values");
  check_length(n, "nodes_values", splits, modes.size());
  Places places;
  std::map<int64_t, int64_t> roots;  // the first node of each tree
  for (size_t i = 0; i < modes.size(); ++i) {
    int64_t place = static_cast<int64_t>(e.branches.size());
    if (modes[i] == "LEAF") {
      place = ~static_cast<int64_t>(e.leaves.size());
      e.leaves.emplace_back();
    } else {
      const auto mode = std::find(std::begin(kModes), std::end(kModes), modes[i]);
      if (mode == std::end(kModes)) n.fail("node mode '{}' is unknown", modes[i]);
      e.branches.push_back({.mode = static_cast<BranchMode>(mode - std::begin(kModes)),
                            .missing_is_true = missing[i] != 0,
                            .feature = features[i],
                            .split = splits[i]});
    }
    if (!places.emplace(std::pair(trees[i], ids[i]), place).second) {
      n.fail("tree {} has node {} twice", trees[i], ids[i]);
    }
    if (roots.emplace(trees[i], place).second) e.roots.push_back(place);
  }
  for (size_t i = 0, k = 0; i < modes.size(); ++i) {
    if (modes[i] == "LEAF") continue;
    e.branches[k].yes = place_of(n, places, trees[i], yes[i]);
    e.branches[k++].no = place_of(n, places, trees[i], no[i]);
  }
  read_votes(n, votes, places, e);
  return e;
}

namespace {

// The sets that nodes of mode member test for, each ended by a NaN.
void read_members(const NodeView& n, std::vector<Branch>& branches) {
  std::vector<std::vector<double>> sets;
  if (n.has_attr("membership_values")) {
    bool open = false;
    for (double v : numbers_of(n, n.tensor("membership_values"))) {
      if (!open) sets.emplace_back();
      open = !std::isnan(v);
      if (open) sets.back().push_back(v);
    }
  }
  size_t next = 0;
  for (Branch& b : branches) {
    if (b.mode != BranchMode::member) continue;
    if (next == sets.size()) n.fail("got {} membership sets, expected more", next);
    std::sort(sets[next].begin(), sets[next].end());
    b.members = std::move(sets[next++]);
  }
  if (next != sets.size()) n.fail("got {} membership sets, expected {}", sets.size(), next);
}

}  // namespace

Ensemble read_branch_lists(const NodeView& n) {
  const std::vector<int64_t> leaf_targets = n.ints("leaf_targetids");
  Ensemble e{.targets = n.i("n_targets", 1)};
  const std::vector<double> modes = numbers_of(n, n.tensor("nodes_modes")),
                            splits = numbers_of(n, n.tensor("nodes_splits")),
                            weights = numbers_of(n, n.tensor("leaf_weights"));
  const auto list = [&](const std::string& name) { return ints_of(n, name, modes.size()); };
  const auto features = list("nodes_featureids"), yes = list("nodes_truenodeids"),
             yes_leaf = list("nodes_trueleafs"), no = list("nodes_falsenodeids"),
             no_leaf = list("nodes_falseleafs");
  const std::vector<int64_t> missing = n.ints("nodes_missing_value_tracks_true").empty()
                                           ? std::vector<int64_t>(modes.size())
                                           : list("nodes_missing_value_tracks_true");
  check_length(n, "nodes_splits", splits, modes.size());
  check_length(n, "leaf_weights", weights, leaf_targets.size());
  const auto place = [&](int64_t id, int64_t is_leaf) {
    if (id < 0) n.fail("a node leads to node {}", id);
    return is_leaf ? ~id : id;
  };
  for (size_t i = 0; i < modes.size(); ++i) {
    if (!(modes[i] >= 0 && modes[i] <= 6)) n.fail("node mode {} is unknown", modes[i]);
    e.branches.push_back({.mode = static_cast<BranchMode>(modes[i]),
                          .missing_is_true = missing[i] != 0,
                          .feature = features[i],
                          .split = splits[i],
                          .yes = place(yes[i], yes_leaf[i]),
                          .no = place(no[i], no_leaf[i])});
  }
  read_members(n, e.branches);
  for (size_t i = 0; i < weights.size(); ++i) e.leaves.push_back({{leaf_targets[i], weights[i]}});
  e.roots = n.ints("tree_roots");
  for (int64_t root : e.roots) place(root, 0);
  return e;
}

}  // namespace suan::onnx
