// Sizes: one integer per spatial axis, written as one number for all axes or as a list.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "suan/base/error.h"

namespace suan::nn {

// `.kernel = 3` and `.kernel = {3, 5}` both work. Throws Error when a list has another length.
template <int kAxes>
class Sizes {
 public:
  Sizes(int64_t all) { sizes_.fill(all); }  // NOLINT: implicit on purpose
  Sizes(std::initializer_list<int64_t> sizes) {
    if (sizes.size() == 1) {
      sizes_.fill(*sizes.begin());
      return;
    }
    if (sizes.size() != kAxes) fail("nn", "got {} sizes, expected {}", sizes.size(), kAxes);
    std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  }
  int64_t operator[](int i) const { return sizes_[static_cast<size_t>(i)]; }
  const int64_t* begin() const { return sizes_.data(); }
  const int64_t* end() const { return sizes_.data() + kAxes; }
  std::vector<int64_t> list() const { return {begin(), end()}; }
  bool operator==(const Sizes&) const = default;

 private:
  std::array<int64_t, kAxes> sizes_{};
};

}  // namespace suan::nn
