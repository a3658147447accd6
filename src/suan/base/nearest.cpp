// Levenshtein distance over short names.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/nearest.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

namespace suan {
namespace {

size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1] ? 1 : 0);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  constexpr size_t kLongest = 200;  // a name from a file may be of any length
  if (name.size() > kLongest) return {};
  std::string best;
  size_t least = name.size() / 2 + 1;
  for (const std::string& candidate : candidates) {
    const size_t d = distance(name, candidate);
    if (d < least) {
      least = d;
      best = candidate;
    }
  }
  return best;
}

std::string unknown_name(std::string_view what, std::string_view name,
                         std::span<const std::string> candidates) {
  const std::string best = nearest_name(name, candidates);
  if (!best.empty())
    return fmt::format("there is no {} '{}', did you mean '{}'?", what, name, best);
  constexpr size_t kShown = 80;  // a message stays readable whatever a file holds
  const bool cut = name.size() > kShown;
  constexpr size_t kListed = 40;
  std::string all;
  for (const std::string& c : candidates.first(std::min(candidates.size(), kListed))) {
    all += (all.empty() ? "" : ", ") + c;
  }
  if (candidates.size() > kListed) all += fmt::format(", ... ({} in all)", candidates.size());
  return fmt::format("there is no {} '{}{}', expected one of {}", what, name.substr(0, kShown),
                     cut ? "..." : "", all);
}

}  // namespace suan
