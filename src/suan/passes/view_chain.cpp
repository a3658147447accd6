// A chain is followed by the factors of the source's axes: a reshape splits and groups them, a
// transpose reorders the groups. SPDX-License-Identifier: Apache-2.0
#include "suan/passes/internal/view_chain.h"

#include <algorithm>
#include <list>

#include "suan/ops/op.h"
#include "suan/ops/shape_ops.h"

namespace suan {
namespace {

bool only_views(const Node& node) { return is(node, Op::reshape) || is(node, Op::transpose); }

class Factors {
 public:
  explicit Factors(const Shape& shape) {
    for (const int64_t size : shape) {
      auto& group = groups_.emplace_back();
      if (size == 1) continue;
      sizes_.push_back({size});
      group.push_back(std::prev(sizes_.end()));
    }
  }
  void transpose(const std::vector<int64_t>& axes) {
    std::vector<Group> moved;
    for (const int64_t axis : axes) moved.push_back(std::move(groups_[static_cast<size_t>(axis)]));
    groups_ = std::move(moved);
  }
  // False where the axes of the shape are no groups of factors.
  bool reshape(const Shape& shape) {
    Group all = in_order();
    std::vector<Group> groups;
    size_t next = 0;
    for (int64_t left : shape) {
      auto& group = groups.emplace_back();
      while (left > 1) {
        if (next == all.size()) return false;
        const Place factor = all[next];
        if (left % factor->size == 0) {
          left /= factor->size;
          ++next;
        } else if (factor->size % left == 0) {  // its outer part belongs here, the rest further on
          const Place rest = sizes_.insert(std::next(factor), {factor->size / left});
          factor->size = left;
          left = 1;
          all[next] = rest;
        } else {
          return false;
        }
        group.push_back(factor);
      }
    }
    groups_ = std::move(groups);
    return next == all.size();
  }
  // Neighbours that stay neighbours are one axis.
  void read(Shape& split, std::vector<int64_t>& axes) {
    int position = 0;
    for (auto& factor : sizes_) factor.position = position++;
    std::vector<std::pair<int, int64_t>> runs;  // the first position of each, and its size
    int last = -2;
    for (const Place factor : in_order()) {
      if (factor->position != last + 1) runs.emplace_back(factor->position, 1);
      runs.back().second *= factor->size;
      last = factor->position;
    }
    std::vector<std::pair<int, int64_t>> sorted = runs;
    std::sort(sorted.begin(), sorted.end());
    for (const auto& run : sorted) split.push_back(run.second);
    for (const auto& run : runs) {
      axes.push_back(std::find(sorted.begin(), sorted.end(), run) - sorted.begin());
    }
  }

 private:
  struct Factor {
    int64_t size;
    int position = 0;
  };
  using Place = std::list<Factor>::iterator;
  using Group = std::vector<Place>;
  Group in_order() const {
    Group all;
    for (const Group& group : groups_) all.insert(all.end(), group.begin(), group.end());
    return all;
  }
  std::list<Factor> sizes_;  // in the source's order
  std::vector<Group> groups_;
};

std::vector<const Node*> chain_of(const Tensor& t) {
  std::vector<const Node*> chain;
  for (const Node* node = &t.node(); only_views(*node); node = &node->inputs[0].node()) {
    chain.push_back(node);
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

}  // namespace

bool View::moves() const { return !std::is_sorted(axes.begin(), axes.end()); }

Tensor View::tensor() const {
  if (!moves()) return reshaped(source, shape);
  return reshaped(transpose(reshaped(source, split), axes), shape);
}

std::optional<View> view_of(const Tensor& t) {
  const auto chain = chain_of(t);
  View view{.source = chain.empty() ? t : chain[0]->inputs[0], .shape = t.shape()};
  if (t.shape().numel() == 0 || view.source.type().kind != TypeKind::tensor) return std::nullopt;
  Factors factors(view.source.shape());
  for (const Node* node : chain) {
    if (is(*node, Op::transpose)) {
      factors.transpose(node->attr<TransposeAttrs>().axes);
    } else if (!factors.reshape(node->types[0].shape)) {
      return std::nullopt;
    }
  }
  factors.read(view.split, view.axes);
  if (view.split.rank() > kMaxRank) return std::nullopt;
  return view;
}

Tensor shortened(const Tensor& t) {
  const auto chain = chain_of(t);
  const auto transposes = std::count_if(chain.begin(), chain.end(),
                                        [](const Node* node) { return is(*node, Op::transpose); });
  if (transposes == 0) return {};
  const auto view = view_of(t);
  if (!view || (view->moves() && transposes == 1)) return {};
  return view->tensor();
}

Tensor reshaped(const Tensor& t, const Shape& shape) {
  Tensor source = t;
  while (is(source.node(), Op::reshape)) source = source.node().inputs[0];
  return source.shape() == shape ? source : reshape(source, shape);
}

}  // namespace suan
