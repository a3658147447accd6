// Units go in steps of a multiple, least important first over all groups, until the operations that
// are left are few enough.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/choose_channels.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"

namespace suan::compress {
namespace {

struct Chunk {
  double rank = 0;
  std::vector<int> units;
};

// What a unit's removal saves while all others are there.
std::vector<double> prices(const ChannelTies& ties) {
  std::vector<double> price(ties.units.size(), 0);
  for (const ChannelTies::Work& work : ties.work) {
    for (const std::vector<int>& units : work.factors) {
      for (const int u : units) {
        if (u < 0) continue;
        price[static_cast<size_t>(u)] += work.flops / static_cast<double>(units.size());
      }
    }
  }
  return price;
}

// The chunks of a group in the order in which they may go.
void add_chunks(std::vector<int> units, std::span<const double> importance,
                std::span<const double> price, const ChannelTarget& target,
                std::vector<Chunk>& chunks) {
  std::ranges::stable_sort(units, {}, [&](int u) { return importance[static_cast<size_t>(u)]; });
  auto left = static_cast<int64_t>(units.size());
  const int64_t least = std::max(
      target.multiple,
      static_cast<int64_t>(std::ceil(target.floor * static_cast<double>(units.size()) - 1e-9)));
  for (size_t next = 0;;) {
    const int64_t then = (left - 1) / target.multiple * target.multiple;
    if (then < least) return;
    Chunk chunk;
    double worth = 0, saved = 0;
    for (; left > then; --left) {
      const int u = units[next++];
      chunk.units.push_back(u);
      worth += importance[static_cast<size_t>(u)];
      saved += price[static_cast<size_t>(u)];
    }
    const auto count = static_cast<double>(chunk.units.size());
    chunk.rank = target.by_price && saved > 0 ? worth / saved : worth / count;
    chunks.push_back(std::move(chunk));
  }
}

}  // namespace

std::span<const std::string_view> enum_names(ChannelImportance /*importance*/) {
  static constexpr std::array<std::string_view, 2> kNames{"norm", "taylor"};
  return kNames;
}

std::vector<bool> choose_channels(const ChannelTies& ties, std::span<const double> importance,
                                  const ChannelTarget& target) {
  const std::vector<double> price = prices(ties);
  std::vector<Chunk> chunks;
  for (const std::vector<int>& group : ties.groups) {
    add_chunks(group, importance, price, target, chunks);
  }
  std::ranges::stable_sort(chunks, {}, &Chunk::rank);
  const double whole = ties.flops(std::vector<bool>(ties.units.size(), false));
  const auto removed = [&](size_t count) {
    std::vector<bool> marks(ties.units.size(), false);
    for (size_t i = 0; i < count; ++i) {
      for (const int u : chunks[i].units) marks[static_cast<size_t>(u)] = true;
    }
    return marks;
  };
  size_t low = 0, high = chunks.size();
  const double least = ties.flops(removed(high));
  if (least > target.flops * whole) {
    fail("prune_channels", "flops is {}, but {:.3f} is the least that can be left of this model",
         target.flops, least / whole);
  }
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (ties.flops(removed(middle)) <= target.flops * whole) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return removed(low);
}

}  // namespace suan::compress
