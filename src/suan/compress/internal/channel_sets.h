// Channel sets: channels that can only go together, as they are found (union-find). A set that
// must stay whole is pinned, with a reason.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <numeric>
#include <string>
#include <vector>

#include "suan/base/error.h"

namespace suan::compress {

using Channels = std::vector<int>;  // one for each index along an axis of a value

class ChannelSets {
 public:
  Channels fresh(int64_t count) {
    Channels channels(static_cast<size_t>(count));
    std::iota(channels.begin(), channels.end(), static_cast<int>(parents_.size()));
    for (const int c : channels) parents_.push_back(c);
    reasons_.resize(parents_.size(), kFree);
    return channels;
  }
  // An empty reason is for sizes that nobody takes for channels: of images, kernels and batches.
  Channels pinned(int64_t count, const std::string& reason = {}) {
    Channels channels = fresh(count);
    pin(channels, reason);
    return channels;
  }
  int find(int channel) {
    while (parent(channel) != channel) channel = parent(channel) = parent(parent(channel));
    return channel;
  }
  bool is_pinned(int channel) { return reasons_[index(find(channel))] != kFree; }
  bool all_pinned(const Channels& channels) {
    for (const int c : channels) {
      if (!is_pinned(c)) return false;
    }
    return true;
  }
  const std::string& reason(int channel) { return texts_[index(reasons_[index(find(channel))])]; }

  void pin(const Channels& channels, const std::string& reason) {
    for (const int c : channels) {
      if (is_pinned(c)) continue;
      if (texts_.empty() || texts_.back() != reason) texts_.push_back(reason);
      reasons_[index(find(c))] = static_cast<int>(texts_.size()) - 1;
    }
  }
  // Pinned sets are not merged, so that each keeps its reason.
  void tie(int a, int b) {
    a = find(a);
    b = find(b);
    const int of_a = reasons_[index(a)], of_b = reasons_[index(b)];
    if (of_a == kFree && of_b == kFree) parent(b) = a;
    if (of_a == kFree) reasons_[index(a)] = of_b;
    if (of_b == kFree) reasons_[index(b)] = of_a;
  }
  void tie(const Channels& a, const Channels& b) {
    SUAN_ASSERT(a.size() == b.size(), "axes that are tied have one size");
    for (size_t i = 0; i < a.size(); ++i) tie(a[i], b[i]);
  }

 private:
  static constexpr int kFree = -1;
  static size_t index(int i) { return static_cast<size_t>(i); }
  int& parent(int channel) { return parents_[index(channel)]; }

  std::vector<int> parents_;
  std::vector<int> reasons_;  // of each root: a text's number
  std::vector<std::string> texts_;
};

}  // namespace suan::compress
