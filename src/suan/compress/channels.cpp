// From sets of channels to units of states, and their removal.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/channels.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <unordered_map>

#include "suan/compress/internal/channel_rules.h"
#include "suan/graph/op_def.h"

namespace suan::compress {
namespace {

class Finder {
 public:
  ChannelTies run(const Graph& graph) {
    for (const NodePtr& node : graph.nodes()) follow(*node);
    for (const Tensor& t : graph.outputs) {
      for (const Channels& channels : of(t)) sets_.pin(channels, "is an output of the model");
    }
    for (size_t i = 0; i < ties_.axes.size(); ++i) take_axis(static_cast<int>(i));
    group();
    for (const ChannelWork& work : work_) take_work(work);
    return std::move(ties_);
  }

 private:
  const ChannelAxes& of(const Tensor& t) const {
    return values_.at(&t.node())[static_cast<size_t>(t.output())];
  }

  void follow(const Node& node) {
    ChannelStep step{sets_, work_, node, {}};
    for (const Tensor& t : node.inputs) step.in.push_back(t ? &of(t) : nullptr);
    std::vector<ChannelAxes>& out = values_[&node] = follow_channels(step);
    if (!node.state) return;
    for (size_t axis = 0; axis < out[0].size(); ++axis) {
      ties_.axes.push_back({node.state, static_cast<int>(axis)});
      channels_.push_back(out[0][axis]);
    }
  }

  int unit_of(int channel) {
    if (sets_.is_pinned(channel)) return -1;
    const auto found = units_.find(sets_.find(channel));
    return found == units_.end() ? -1 : found->second;
  }

  void take_axis(int axis) {
    const Channels& channels = channels_[static_cast<size_t>(axis)];
    if (!channels.empty() && sets_.all_pinned(channels)) {
      const std::string& reason = sets_.reason(channels[0]);
      if (!reason.empty()) ties_.pinned.push_back({ties_.axes[static_cast<size_t>(axis)], reason});
      return;
    }
    for (size_t i = 0; i < channels.size(); ++i) {
      if (sets_.is_pinned(channels[i])) continue;
      const auto [at, is_new] =
          units_.emplace(sets_.find(channels[i]), static_cast<int>(ties_.units.size()));
      if (is_new) ties_.units.emplace_back();
      ties_.units[static_cast<size_t>(at->second)].places.push_back(
          {axis, static_cast<int64_t>(i)});
    }
  }

  void group() {
    std::map<std::vector<int>, size_t> groups;
    for (size_t i = 0; i < ties_.units.size(); ++i) {
      std::vector<int> axes;
      for (const auto& place : ties_.units[i].places) axes.push_back(place.axis);
      const auto [at, is_new] = groups.emplace(std::move(axes), ties_.groups.size());
      if (is_new) ties_.groups.emplace_back();
      ties_.groups[at->second].push_back(static_cast<int>(i));
    }
  }

  void take_work(const ChannelWork& work) {
    ChannelTies::Work out{work.flops, {}};
    for (const Channels& channels : work.factors) {
      std::vector<int> units;
      for (const int c : channels) units.push_back(unit_of(c));
      if (std::ranges::any_of(units, [](int u) { return u >= 0; })) out.factors.push_back(units);
    }
    if (out.factors.empty()) ties_.fixed_flops += out.flops;
    if (!out.factors.empty()) ties_.work.push_back(std::move(out));
  }

  ChannelSets sets_;
  std::vector<ChannelWork> work_;
  std::unordered_map<const Node*, std::vector<ChannelAxes>> values_;
  ChannelTies ties_;
  std::vector<Channels> channels_;      // of ties_.axes
  std::unordered_map<int, int> units_;  // by root
};

// Without the elements along `axis` that are not kept.
Array picked(const Array& from, int axis, const std::vector<bool>& removed) {
  const int64_t size = from.shape[axis];
  Shape shape = from.shape;
  shape[axis] = std::ranges::count(removed, false);
  Array to(from.dtype, shape);
  const auto run =
      static_cast<size_t>(from.shape.numel(axis + 1, from.shape.rank())) * size_of(from.dtype);
  const int64_t outer = from.shape.numel(0, axis);
  const char* source = from.as<char>();
  char* target = to.as<char>();
  for (int64_t i = 0; i < outer * size; ++i, source += run) {
    if (removed[static_cast<size_t>(i % size)]) continue;
    std::memcpy(target, source, run);
    target += run;
  }
  return to;
}

}  // namespace

double ChannelTies::flops(const std::vector<bool>& removed) const {
  double total = fixed_flops;
  for (const Work& w : work) {
    double flops = w.flops;
    for (const std::vector<int>& units : w.factors) {
      const auto left = std::ranges::count_if(
          units, [&](int u) { return u < 0 || !removed[static_cast<size_t>(u)]; });
      flops *= static_cast<double>(left) / static_cast<double>(units.size());
    }
    total += flops;
  }
  return total;
}

ChannelTies find_channel_ties(const Graph& graph) { return Finder().run(graph); }

void remove_channels(const ChannelTies& ties, const std::vector<bool>& removed) {
  std::map<int, std::vector<bool>> marks;  // by axis
  for (size_t i = 0; i < ties.units.size(); ++i) {
    if (!removed[i]) continue;
    for (const auto& place : ties.units[i].places) {
      const StateAxis& at = ties.axes[static_cast<size_t>(place.axis)];
      std::vector<bool>& mark = marks[place.axis];
      mark.resize(static_cast<size_t>(at.state->type().shape[at.axis]));
      mark[static_cast<size_t>(place.index)] = true;
    }
  }
  for (const auto& [axis, mark] : marks) {
    const StateAxis& at = ties.axes[static_cast<size_t>(axis)];
    at.state->reset(picked(at.state->array(), at.axis, mark));
  }
}

}  // namespace suan::compress
