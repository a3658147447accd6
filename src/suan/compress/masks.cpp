// The patterns, and the choice of units.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/masks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "suan/base/error.h"
#include "suan/base/nearest.h"

namespace suan::compress {
namespace {

// An element of one unit among `rows x columns` ones of a matrix.
class Blocks : public MaskPattern {
 public:
  Blocks(int64_t rows, int64_t columns) : rows_(rows), columns_(columns) {}

  int64_t units(const Shape& weight) const override {
    return blocks(weight[0], rows_) * blocks(weight.numel(1, weight.rank()), columns_);
  }
  double loss(const Array& scores, int64_t u) const override {  // a mean: edges may be smaller
    double sum = 0, count = 0;
    each(scores.shape, u, [&](int64_t i) {
      sum += double{scores.as<float>()[i]};
      ++count;
    });
    return sum / count;
  }
  bool is_cut(const Array& mask, int64_t u) const override {
    bool any = false;
    each(mask.shape, u, [&](int64_t i) { any = any || mask.as<bool>()[i]; });
    return !any;
  }
  void cut(const Array& /*scores*/, int64_t u, Array& mask) const override {
    each(mask.shape, u, [&](int64_t i) { mask.as<bool>()[i] = false; });
  }

 private:
  static int64_t blocks(int64_t size, int64_t block) { return (size + block - 1) / block; }

  template <class F>
  void each(const Shape& weight, int64_t u, const F& visit) const {
    const int64_t height = weight[0], width = weight.numel(1, weight.rank());
    const int64_t across = blocks(width, columns_);
    const int64_t top = u / across * rows_, left = u % across * columns_;
    for (int64_t r = top; r < std::min(top + rows_, height); ++r) {
      for (int64_t c = left; c < std::min(left + columns_, width); ++c) visit(r * width + c);
    }
  }
  int64_t rows_, columns_;
};

// Mishra et al., "Accelerating sparse deep neural networks", 2021.
class TwoOfFour : public MaskPattern {
 public:
  int64_t units(const Shape& weight) const override {
    return weight[1] % 4 == 0 ? weight.numel() / 4 : 0;
  }
  double loss(const Array& scores, int64_t u) const override {
    const auto order = ascending(scores, u);
    return double{scores.as<float>()[order[0]]} + double{scores.as<float>()[order[1]]};
  }
  bool is_cut(const Array& mask, int64_t u) const override {
    return std::ranges::count_if(places(mask.shape, u),
                                 [&](int64_t i) { return !mask.as<bool>()[i]; }) >= 2;
  }
  void cut(const Array& scores, int64_t u, Array& mask) const override {
    const auto order = ascending(scores, u);
    for (size_t i = 0; i < 2; ++i) mask.as<bool>()[order[i]] = false;
  }
  double most() const override { return 0.5; }

 private:
  using Four = std::array<int64_t, 4>;
  static Four places(const Shape& weight, int64_t u) {
    const int64_t kernel = weight.numel(2, weight.rank());
    const int64_t first = u / kernel * 4 * kernel + u % kernel;
    return {first, first + kernel, first + 2 * kernel, first + 3 * kernel};
  }
  static Four ascending(const Array& scores, int64_t u) {
    Four order = places(scores.shape, u);
    std::ranges::stable_sort(order, {}, [&](int64_t i) { return scores.as<float>()[i]; });
    return order;
  }
};

struct Unit {
  double loss;
  size_t weight;
  int64_t index;
  bool operator<(const Unit& other) const {
    return std::tie(loss, weight, index) < std::tie(other.loss, other.weight, other.index);
  }
};

void cut_least(const MaskPattern& pattern, std::vector<Unit> units, std::span<const Array> scores,
               std::span<Array> masks, double share) {
  const auto count =
      static_cast<std::ptrdiff_t>(std::llround(share * static_cast<double>(units.size())));
  if (count > 0) std::nth_element(units.begin(), units.begin() + count - 1, units.end());
  for (const Unit& unit : std::span(units).first(static_cast<size_t>(count))) {
    if (pattern.is_cut(masks[unit.weight], unit.index)) continue;
    pattern.cut(scores[unit.weight], unit.index, masks[unit.weight]);
  }
}

}  // namespace

std::unique_ptr<MaskPattern> make_mask_pattern(std::string_view name, int64_t rows,
                                               int64_t columns) {
  const std::vector<std::string> names{"element", "2:4", "block"};
  if (name == names[0]) return std::make_unique<Blocks>(1, 1);
  if (name == names[1]) return std::make_unique<TwoOfFour>();
  if (name != names[2]) fail("pattern", "{}", unknown_name("pattern", std::string(name), names));
  if (rows < 1 || columns < 1) {
    fail("pattern", "blocks of {} x {}, expected 1 or more of each", rows, columns);
  }
  return std::make_unique<Blocks>(rows, columns);
}

void cut_units(const MaskPattern& pattern, std::span<const Array> scores, std::span<Array> masks,
               double share, bool global) {
  std::vector<Unit> units;
  for (size_t w = 0; w < masks.size(); ++w) {
    for (int64_t u = 0; u < pattern.units(masks[w].shape); ++u) {
      const bool cut = pattern.is_cut(masks[w], u);
      const double loss =
          cut ? -std::numeric_limits<double>::infinity() : pattern.loss(scores[w], u);
      units.push_back({loss, w, u});
    }
    if (global && w + 1 < masks.size()) continue;
    cut_least(pattern, std::move(units), scores, masks, share);
    units.clear();
  }
}

}  // namespace suan::compress
