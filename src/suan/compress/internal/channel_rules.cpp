// The rules, by kind of op. Sizes that a person's code may have written down as a number (a cut, a
// split) pin their channels: traced anew, that code would cut at the same place.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/internal/channel_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "suan/ops/concat.h"
#include "suan/ops/conv.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/pad.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"
#include "suan/ops/softmax.h"
#include "suan/ops/split.h"
#include "suan/ops/statistics.h"

namespace suan::compress {
namespace {

using Step = ChannelStep;

std::string goes_into(const Step& s) { return fmt::format("goes into {}", s.node.op->name); }

std::string comes_from(const Step& s) { return fmt::format("comes from {}", s.node.op->name); }

// An axis that the op does not leave as it is, to one of another size.
Channels changed(Step& s, const Channels& from, int64_t size) {
  s.sets.pin(from, goes_into(s));
  return s.sets.pinned(size, comes_from(s));
}

// Axes of the result before `end`, operands being aligned from the right as broadcasting does; the
// last `trailing` axes of operands are left out.
ChannelAxes aligned(Step& s, int end, int trailing = 0) {
  ChannelAxes out;
  for (int axis = 0; axis < end; ++axis) {
    Channels found;
    for (size_t i = 0; i < s.in.size(); ++i) {
      if (!s.in[i]) continue;
      const int at = axis - end + s.shape(i).rank() - trailing;
      if (at < 0 || s.shape(i)[at] != s.out()[axis]) continue;
      const Channels& channels = (*s.in[i])[static_cast<size_t>(at)];
      if (!found.empty()) s.sets.tie(found, channels);
      if (found.empty()) found = channels;
    }
    out.push_back(found.empty() ? s.sets.fresh(s.out()[axis]) : std::move(found));
  }
  return out;
}

ChannelAxes pointwise(Step& s) { return aligned(s, s.out().rank()); }

ChannelAxes unknown(Step& s) {
  for (const ChannelAxes* axes : s.in) {
    if (!axes) continue;
    for (const Channels& channels : *axes) s.sets.pin(channels, goes_into(s));
  }
  ChannelAxes out;
  for (const int64_t size : s.out()) out.push_back(s.sets.pinned(size, comes_from(s)));
  return out;
}

// Batch and channels stay, the rest is an image.
ChannelAxes image(Step& s, Channels channels) {
  const ChannelAxes& x = *s.in[0];
  ChannelAxes out{x[0], std::move(channels)};
  for (size_t axis = 2; axis < x.size(); ++axis) {
    out.push_back(changed(s, x[axis], s.out()[static_cast<int>(axis)]));
  }
  return out;
}
ChannelAxes pool(Step& s) { return image(s, (*s.in[0])[1]); }

// Groups of more than one channel go as a whole.
void tie_groups(Step& s, const Channels& x, const Channels& w, int64_t groups) {
  const size_t count = static_cast<size_t>(groups), in = x.size() / count, out = w.size() / count;
  for (size_t group = 0; group < count; ++group) {
    for (size_t i = 0; i < in; ++i) s.sets.tie(x[group * in], x[group * in + i]);
    for (size_t i = 0; i < out; ++i) s.sets.tie(x[group * in], w[group * out + i]);
  }
}

ChannelAxes convolution(Step& s) {
  const int64_t groups = s.node.attr<ConvAttrs>().groups;
  const ChannelAxes &x = *s.in[0], &w = *s.in[1];
  for (size_t axis = 2; axis < w.size(); ++axis) s.sets.pin(w[axis], "");
  if (s.in.size() > 2 && s.in[2]) s.sets.tie(w[0], (*s.in[2])[0]);
  ChannelWork work{cost_of(s.node).flops, {w[0]}};
  if (groups == 1) {
    s.sets.tie(x[1], w[1]);
    work.factors.push_back(w[1]);
  } else {
    s.sets.pin(w[1], "");
    tie_groups(s, x[1], w[0], groups);
  }
  s.work.push_back(std::move(work));
  return image(s, w[0]);
}

ChannelAxes product(Step& s) {
  const ChannelAxes &a = *s.in[0], &b = *s.in[1];
  if (a.size() < 2 || b.size() < 2) return unknown(s);
  const auto& attrs = s.node.attr<MatmulAttrs>();
  const Channels &m = a[a.size() - (attrs.transpose_a ? 1 : 2)],
                 &k = a[a.size() - (attrs.transpose_a ? 2 : 1)],
                 &k2 = b[b.size() - (attrs.transpose_b ? 1 : 2)],
                 &n = b[b.size() - (attrs.transpose_b ? 2 : 1)];
  s.sets.tie(k, k2);
  s.work.push_back({cost_of(s.node).flops, {m, k, n}});
  ChannelAxes out = aligned(s, s.out().rank() - 2, 2);
  out.push_back(m);
  out.push_back(n);
  return out;
}

template <class Attrs>
ChannelAxes reduction(Step& s) {
  const auto& attrs = s.node.attr<Attrs>();
  ChannelAxes out;
  const ChannelAxes& x = *s.in[0];
  for (size_t axis = 0; axis < x.size(); ++axis) {
    const bool reduced = std::ranges::count(attrs.axes, static_cast<int64_t>(axis)) > 0;
    if (!reduced) out.push_back(x[axis]);
    if (!reduced) continue;
    const Channels kept = changed(s, x[axis], 1);
    if (attrs.keep) out.push_back(kept);
  }
  return out;
}

template <class Attrs>
ChannelAxes along_axis(Step& s) {
  ChannelAxes out = *s.in[0];
  const int64_t rank = s.shape(0).rank(), given = s.node.attr<Attrs>().axis;
  const int64_t axis = given < 0 ? given + rank : given;
  out[static_cast<size_t>(axis)] =
      changed(s, out[static_cast<size_t>(axis)], s.out()[static_cast<int>(axis)]);
  return out;
}

// One axis made of several: the channels of the only one that can shrink, each as often as the
// others say.
Channels merged(Step& s, const std::vector<int>& axes, int64_t size) {
  const ChannelAxes& x = *s.in[0];
  int movable = -1, count = 0;
  for (const int axis : axes) {
    if (s.sets.all_pinned(x[static_cast<size_t>(axis)])) continue;
    movable = axis;
    ++count;
  }
  if (count != 1) {
    for (const int axis : axes) s.sets.pin(x[static_cast<size_t>(axis)], goes_into(s));
    return s.sets.pinned(size, comes_from(s));
  }
  const Channels& channels = x[static_cast<size_t>(movable)];
  const auto inner = static_cast<size_t>(s.shape(0).numel(movable + 1, axes.back() + 1));
  Channels out(static_cast<size_t>(size));
  for (size_t i = 0; i < out.size(); ++i) out[i] = channels[i / inner % channels.size()];
  return out;
}

std::vector<int> long_axes(const Shape& shape) {
  std::vector<int> axes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != 1) axes.push_back(axis);
  }
  return axes;
}

ChannelAxes reshaped(Step& s) {
  const Shape &from = s.shape(0), &to = s.out();
  if (from.numel() == 0) return unknown(s);
  ChannelAxes out;
  for (const int64_t size : to) out.push_back(s.sets.fresh(size));
  const std::vector<int> in_axes = long_axes(from), out_axes = long_axes(to);
  for (size_t i = 0, j = 0; i < in_axes.size();) {
    std::vector<int> in{in_axes[i++]}, of{out_axes[j++]};
    int64_t a = from[in[0]], b = to[of[0]];
    while (a != b) {
      if (a < b) {
        a *= from[in.emplace_back(in_axes[i++])];
      } else {
        b *= to[of.emplace_back(out_axes[j++])];
      }
    }
    if (of.size() == 1) {
      out[static_cast<size_t>(of[0])] = merged(s, in, b);
      continue;
    }
    for (const int axis : in) s.sets.pin((*s.in[0])[static_cast<size_t>(axis)], goes_into(s));
    for (const int axis : of) s.sets.pin(out[static_cast<size_t>(axis)], comes_from(s));
  }
  return out;
}

ChannelAxes transposed(Step& s) {
  ChannelAxes out;
  for (const int64_t axis : s.node.attr<TransposeAttrs>().axes) {
    out.push_back((*s.in[0])[static_cast<size_t>(axis)]);
  }
  return out;
}

ChannelAxes joined(Step& s) {
  const int rank = s.out().rank();
  const int64_t given = s.node.attr<ConcatAttrs>().axis;
  const auto along = static_cast<size_t>(given < 0 ? given + rank : given);
  ChannelAxes out = *s.in[0];
  for (size_t i = 1; i < s.in.size(); ++i) {
    for (size_t axis = 0; axis < out.size(); ++axis) {
      const Channels& more = (*s.in[i])[axis];
      if (axis != along) s.sets.tie(out[axis], more);
      if (axis == along) out[axis].insert(out[axis].end(), more.begin(), more.end());
    }
  }
  return out;
}

ChannelAxes sliced(Step& s) {
  const auto& attrs = s.node.attr<SliceAttrs>();
  ChannelAxes out = *s.in[0];
  for (size_t k = 0; k < out.size(); ++k) {
    const int64_t size = s.out()[static_cast<int>(k)];
    const bool whole = size == static_cast<int64_t>(out[k].size()) && attrs.steps[k] == 1;
    if (!whole) out[k] = changed(s, out[k], size);
  }
  return out;
}

// Zeros behind the last channel are channels like others, which what they are added to decides
// about.
ChannelAxes placed(Step& s) {
  const auto& attrs = s.node.attr<PlaceAttrs>();
  ChannelAxes out = *s.in[0];
  for (size_t k = 0; k < out.size(); ++k) {
    const int64_t size = s.out()[static_cast<int>(k)], had = s.shape(0)[static_cast<int>(k)];
    if (attrs.starts[k] != 0 || attrs.steps[k] != 1) {
      out[k] = changed(s, out[k], size);
    } else {
      const Channels more = s.sets.fresh(size - had);
      out[k].insert(out[k].end(), more.begin(), more.end());
    }
  }
  return out;
}

ChannelAxes padded(Step& s) {
  const auto& attrs = s.node.attr<PadAttrs>();
  ChannelAxes out = *s.in[0];
  for (size_t k = 0; k < out.size(); ++k) {
    if (attrs.begin[k] == 0 && attrs.end[k] == 0) continue;
    out[k] = changed(s, out[k], s.out()[static_cast<int>(k)]);
  }
  return out;
}

ChannelAxes from_code(Step& s) {  // its size follows what it is combined with
  ChannelAxes out;
  for (const int64_t size : s.out()) out.push_back(s.sets.fresh(size));
  return out;
}

ChannelAxes fixed(Step& s) {
  ChannelAxes out;
  const std::string reason = is(s.node, Op::constant) ? "meets a constant" : "meets the input";
  for (const int64_t size : s.out()) out.push_back(s.sets.pinned(size, reason));
  return out;
}

struct Rule {
  Op op;
  ChannelAxes (*channels)(Step&);
};
constexpr Rule kRules[] = {
    {Op::input, fixed},
    {Op::constant, fixed},
    {Op::full, from_code},
    {Op::state, from_code},
    {Op::select, pointwise},
    {Op::cast, pointwise},
    {Op::broadcast_to, pointwise},
    {Op::stop_gradient, pointwise},
    {Op::widen, pointwise},
    {Op::sum, reduction<ReduceAttrs>},
    {Op::max, reduction<ReduceAttrs>},
    {Op::min, reduction<ReduceAttrs>},
    {Op::prod, reduction<ReduceAttrs>},
    {Op::logsumexp, reduction<ReduceAttrs>},
    {Op::var, reduction<VarAttrs>},
    {Op::softmax, along_axis<AxisAttrs>},
    {Op::log_softmax, along_axis<AxisAttrs>},
    {Op::reshape, reshaped},
    {Op::transpose, transposed},
    {Op::slice, sliced},
    {Op::place, placed},
    {Op::pad, padded},
    {Op::concat, joined},
    {Op::conv, convolution},
    {Op::max_pool, pool},
    {Op::avg_pool, pool},
    {Op::matmul, product},
};

}  // namespace

std::vector<ChannelAxes> follow_channels(ChannelStep& step) {
  const Node& node = step.node;
  if (node.op->forwards) {
    std::vector<ChannelAxes> out;
    for (size_t i = 0; i < node.types.size(); ++i) out.push_back(*step.in[i]);
    return out;
  }
  if (node.op->row) return {pointwise(step)};
  const auto* rule = std::find_if(std::begin(kRules), std::end(kRules),
                                  [&](const Rule& r) { return is(node, r.op); });
  std::vector<ChannelAxes> out{rule == std::end(kRules) ? unknown(step) : rule->channels(step)};
  for (size_t i = 1; i < node.types.size(); ++i) {  // only ops without a rule have several
    out.emplace_back();
    for (const int64_t size : step.out(i)) {
      out.back().push_back(step.sets.pinned(size, comes_from(step)));
    }
  }
  return out;
}

}  // namespace suan::compress
