// Bounds of paired differences.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/contract.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace suan::compress {
namespace {

constexpr double kOneSided95 = 1.6448536269514722;  // of the normal distribution
// Half an example in each of the four cases of a pair.
constexpr double kAdded = 2;

}  // namespace

std::span<const std::string_view> enum_names(Metric /*metric*/) {
  static constexpr std::array<std::string_view, 3> kNames{"accuracy", "perplexity", "cosine"};
  return kNames;
}

void PairedDrop::add_answers(bool original_right, bool compressed_right) {
  metric_ = Metric::accuracy;
  ++examples_;
  worse_ += original_right && !compressed_right;
  better_ += !original_right && compressed_right;
}

void PairedDrop::add_losses(double original, double compressed) {
  ++examples_;
  sum_ += compressed - original;
  squares_ += (compressed - original) * (compressed - original);
}

void PairedDrop::add_cosine(double cosine) {
  metric_ = Metric::cosine;
  ++examples_;
  sum_ += 1 - cosine;
  squares_ += (1 - cosine) * (1 - cosine);
}

double PairedDrop::mean() const {
  if (examples_ == 0) return 0;
  const double n = static_cast<double>(examples_);
  return metric_ == Metric::accuracy ? static_cast<double>(worse_ - better_) / n : sum_ / n;
}

double PairedDrop::standard_error() const {
  const double n = static_cast<double>(examples_);
  if (metric_ != Metric::accuracy) {
    const double variance = std::max(0.0, squares_ / n - mean() * mean()) * n / (n - 1);
    return std::sqrt(variance / n);
  }
  const double total = n + kAdded, changed = static_cast<double>(worse_ + better_) + kAdded / 2;
  const double net = static_cast<double>(worse_ - better_);
  return std::sqrt(changed - net * net / total) / total;
}

double PairedDrop::drop() const {
  return 100 * (metric_ == Metric::perplexity ? std::expm1(mean()) : mean());
}

double PairedDrop::bound() const {
  if (examples_ < 2) return std::numeric_limits<double>::infinity();
  const double error = kOneSided95 * standard_error();
  if (metric_ == Metric::perplexity) return 100 * std::expm1(mean() + error);
  if (metric_ == Metric::cosine) return 100 * (mean() + error);
  const double n = static_cast<double>(examples_);
  return 100 * (mean() * n / (n + kAdded) + error);
}

std::optional<int64_t> PairedDrop::examples_needed(double max_drop) const {
  if (examples_ < 2) return std::nullopt;
  const double share = max_drop / 100;
  const double allowed = metric_ == Metric::perplexity ? std::log1p(share) : share;
  const double slack = allowed - mean();
  if (slack <= 0) return std::nullopt;
  const double deviation = standard_error() * std::sqrt(static_cast<double>(examples_));
  const double needed = std::pow(kOneSided95 * deviation / slack, 2);
  return std::max<int64_t>(2, static_cast<int64_t>(std::ceil(needed)));
}

std::string drop_text(double drop, Metric metric) {
  if (metric == Metric::perplexity) return fmt::format("{:.2f} % of perplexity", drop);
  return fmt::format("{:.2f} points{}", drop, metric == Metric::cosine ? " of cosine" : "");
}

std::string why_not_kept(const PairedDrop& drop, double max_drop, Metric metric) {
  const auto needed = drop.examples_needed(max_drop);
  if (!needed) return fmt::format("on held-out data it loses {}", drop_text(drop.drop(), metric));
  return fmt::format("{} held-out examples are too few to show it: about {} are needed",
                     drop.examples(), *needed);
}

}  // namespace suan::compress
