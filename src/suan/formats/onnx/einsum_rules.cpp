// Einsum: each operand's repeated labels become diagonals, labels nobody else has are summed, and
// operands are multiplied from left to right by one matrix product each.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "suan/formats/onnx/internal/node.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::onnx {
namespace {

// A letter, or -1, -2, ... for the axes of an ellipsis from the back: they broadcast like NumPy's.
using Label = int;
using Labels = std::vector<Label>;
constexpr Label kEllipsis = 0;

struct Operand {
  Tensor x;
  Labels labels;  // one for each axis
};

struct Equation {
  std::vector<Labels> terms;
  bool explicit_result = false;
  Labels result;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

Labels parse_term(const NodeView& n, std::string_view text) {
  Labels labels;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 3) == "...") {
      if (std::count(labels.begin(), labels.end(), kEllipsis))
        n.fail("'{}' has two ellipses", text);
      labels.push_back(kEllipsis);
      i += 2;
    } else if (is_letter(text[i])) {
      labels.push_back(text[i]);
    } else {
      n.fail("the term '{}' has more than letters and '...'", text);
    }
  }
  return labels;
}

Equation parse(const NodeView& n) {
  std::string text = n.s("equation", "");
  if (!n.has_attr("equation")) n.fail("attribute 'equation' is missing");
  std::erase(text, ' ');
  Equation e;
  const size_t arrow = text.find("->");
  e.explicit_result = arrow != std::string::npos;
  if (e.explicit_result) e.result = parse_term(n, std::string_view(text).substr(arrow + 2));
  const std::string_view left = std::string_view(text).substr(0, arrow);
  for (size_t from = 0;;) {
    const size_t comma = std::min(left.find(',', from), left.size());
    e.terms.push_back(parse_term(n, left.substr(from, comma - from)));
    if (comma == left.size()) break;
    from = comma + 1;
  }
  if (e.terms.size() != n.inputs.size()) {
    n.fail("the equation has {} terms, but there are {} inputs", e.terms.size(), n.inputs.size());
  }
  return e;
}

// The ellipsis written out as `count` axes.
Labels expanded(const Labels& term, int count) {
  Labels labels;
  for (Label label : term) {
    if (label != kEllipsis) labels.push_back(label);
    for (int i = count; label == kEllipsis && i > 0; --i) labels.push_back(-i);
  }
  return labels;
}

bool has(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

std::vector<int64_t> axes_of(const Operand& o, const Labels& order) {
  std::vector<int64_t> axes;
  for (Label label : order) {
    axes.push_back(std::find(o.labels.begin(), o.labels.end(), label) - o.labels.begin());
  }
  return axes;
}
Tensor ordered(const Operand& o, const Labels& order) {
  return order.empty() ? o.x : transpose(o.x, axes_of(o, order));
}

// A label that stands twice becomes one axis: the diagonal of both.
Operand without_repeats(const NodeView& n, Operand o) {
  for (size_t i = 0; i < o.labels.size(); ++i) {
    for (size_t j = o.labels.size() - 1; j > i; --j) {
      if (o.labels[i] != o.labels[j]) continue;
      const int64_t size = o.x.shape()[static_cast<int>(i)];
      if (o.x.shape()[static_cast<int>(j)] != size) {
        n.fail("label '{}' has two sizes in {}", static_cast<char>(o.labels[i]),
               to_string(o.x.shape()));
      }
      std::vector<int64_t> order;
      Shape merged;
      for (size_t k = 0; k < o.labels.size(); ++k) {
        if (k == i || k == j) continue;
        order.push_back(static_cast<int64_t>(k));
        merged.push_back(o.x.shape()[static_cast<int>(k)]);
      }
      order.insert(order.end(), {static_cast<int64_t>(i), static_cast<int64_t>(j)});
      merged.push_back(size * size);
      const Tensor flat = reshape(transpose(o.x, order), merged);
      Labels labels;
      for (size_t k = 0; k + 2 < order.size(); ++k) {
        labels.push_back(o.labels[static_cast<size_t>(order[k])]);
      }
      labels.push_back(o.labels[i]);
      o = {slice(flat, {0}, {INT64_MAX}, {-1}, {size + 1}), labels};
      return without_repeats(n, std::move(o));
    }
  }
  return o;
}

// Axes of size 1 whose label is larger elsewhere broadcast: they can go.
Operand without_ones(Operand o, const std::map<Label, int64_t>& sizes) {
  Labels labels;
  Shape shape;
  for (size_t i = 0; i < o.labels.size(); ++i) {
    const int64_t size = o.x.shape()[static_cast<int>(i)];
    if (size != sizes.at(o.labels[i])) continue;
    labels.push_back(o.labels[i]);
    shape.push_back(size);
  }
  return {reshape(o.x, shape), labels};
}

Operand summed(const Operand& o, const std::set<Label>& kept) {
  std::vector<int64_t> axes;
  Labels labels;
  for (size_t i = 0; i < o.labels.size(); ++i) {
    if (kept.contains(o.labels[i])) {
      labels.push_back(o.labels[i]);
    } else {
      axes.push_back(static_cast<int64_t>(i));
    }
  }
  return axes.empty() ? o : Operand{cast(sum(o.x, axes), o.x.dtype()), labels};
}

Labels joined(const Labels& a, const Labels& b, const Labels& c = {}) {
  Labels all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

// The product of two operands with every label summed that is in both and not kept.
class Product {
 public:
  Product(const Operand& a, const Operand& b, const std::set<Label>& kept) : a_(a), b_(b) {
    for (Label label : a.labels) {
      if (!has(b.labels, label)) {
        left_.push_back(label);
      } else {
        (kept.contains(label) ? batch_ : inner_).push_back(label);
      }
    }
    for (Label label : b.labels) {
      if (!has(a.labels, label)) right_.push_back(label);
    }
  }

  Operand operator()(const NodeView& n) const {
    const Labels labels = joined(batch_, left_, right_);
    if (labels.size() > static_cast<size_t>(kMaxRank)) {
      n.fail("a product on the way has {} axes, expected at most {}", labels.size(), kMaxRank);
    }
    const int64_t rows = size_of(a_, left_), columns = size_of(b_, right_);
    Tensor y;
    if (inner_.empty()) {
      const int64_t batch = size_of(a_, batch_);
      y = reshape(ordered(a_, joined(batch_, left_)), {batch, rows, 1}) *
          reshape(ordered(b_, joined(batch_, right_)), {batch, 1, columns});
    } else {
      const int64_t inner = size_of(a_, inner_);
      // Whichever order of the matrix axes is there already needs no transposition.
      const bool turned_a = a_.labels == joined(batch_, inner_, left_) && !left_.empty();
      const bool turned_b = b_.labels == joined(batch_, right_, inner_) && !right_.empty();
      const Tensor x = turned_a ? matrix(a_, a_.labels, inner, rows)
                                : matrix(a_, joined(batch_, left_, inner_), rows, inner);
      const Tensor w = turned_b ? matrix(b_, b_.labels, columns, inner)
                                : matrix(b_, joined(batch_, inner_, right_), inner, columns);
      y = matmul(x, w, turned_a, turned_b);
    }
    Shape shape;
    append_sizes(shape, a_, joined(batch_, left_));
    append_sizes(shape, b_, right_);
    return {reshape(y, shape), labels};
  }

 private:
  static void append_sizes(Shape& shape, const Operand& o, const Labels& labels) {
    for (int64_t axis : axes_of(o, labels)) shape.push_back(o.x.shape()[static_cast<int>(axis)]);
  }
  static int64_t size_of(const Operand& o, const Labels& labels) {
    Shape shape;
    append_sizes(shape, o, labels);
    return shape.numel();
  }
  Tensor matrix(const Operand& o, const Labels& order, int64_t rows, int64_t columns) const {
    const Tensor x = ordered(o, order);
    if (batch_.empty()) return reshape(x, {rows, columns});
    return reshape(x, {size_of(a_, batch_), rows, columns});
  }

  const Operand &a_, &b_;
  Labels batch_, inner_, left_, right_;
};

// All operands with their axes labelled, and the labels of the result.
std::vector<Operand> operands_of(const NodeView& n, const Equation& e, Labels& result) {
  std::vector<Operand> operands;
  int most = 0;
  std::map<Label, int> uses;
  std::map<Label, int64_t> sizes;
  for (int i = 0; i < n.count(); ++i) {
    const Labels& term = e.terms[static_cast<size_t>(i)];
    const Tensor& x = n.in(i);
    const int letters = static_cast<int>(term.size()) - (has(term, kEllipsis) ? 1 : 0);
    const int more = x.rank() - letters;
    if (more < 0 || (more > 0 && !has(term, kEllipsis))) {
      n.fail("input {} is {}, but its term has {} labels", i, to_string(x.shape()), letters);
    }
    most = std::max(most, more);
    for (Label label : term) ++uses[label];
    operands.push_back(without_repeats(n, {x, expanded(term, more)}));
    const Operand& o = operands.back();
    for (size_t k = 0; k < o.labels.size(); ++k) {
      const int64_t size = o.x.shape()[static_cast<int>(k)];
      int64_t& known = sizes.try_emplace(o.labels[k], 1).first->second;
      if (known != size && known != 1 && size != 1) {
        n.fail("a label of input {} ({}) has the sizes {} and {}", i, to_string(x.shape()), known,
               size);
      }
      if (known == 1) known = size;
    }
  }
  for (Operand& o : operands) o = without_ones(std::move(o), sizes);
  Labels wanted = e.result;
  if (!e.explicit_result) {
    wanted = {kEllipsis};
    for (const auto& [label, count] : uses) {
      if (label != kEllipsis && count == 1) wanted.push_back(label);
    }
  }
  result = expanded(wanted, most);
  for (size_t i = 0; i < result.size(); ++i) {
    const bool twice = std::count(result.begin(), result.end(), result[i]) > 1;
    if (twice || !sizes.contains(result[i])) {
      n.fail("the result's label '{}' is {}", static_cast<char>(result[i]),
             twice ? "given twice" : "in no input");
    }
  }
  return operands;
}

Outputs einsum(const NodeView& n) {
  const Equation e = parse(n);
  Labels result;
  const std::vector<Operand> operands = operands_of(n, e, result);
  const std::set<Label> wanted(result.begin(), result.end());
  Operand total = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) {
    std::set<Label> later = wanted;
    for (size_t k = i + 1; k < operands.size(); ++k) {
      later.insert(operands[k].labels.begin(), operands[k].labels.end());
    }
    std::set<Label> kept = later, kept_right = later;
    kept.insert(operands[i].labels.begin(), operands[i].labels.end());
    kept_right.insert(total.labels.begin(), total.labels.end());
    const Operand left = summed(total, kept), right = summed(operands[i], kept_right);
    total = Product(left, right, later)(n);
  }
  return {ordered(summed(total, wanted), result)};
}

constexpr OperatorRule kRules[] = {{"Einsum", einsum}};

}  // namespace

std::span<const OperatorRule> einsum_rules() { return kRules; }

}  // namespace suan::onnx
