// Bounds of paired differences.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/contract.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace suan::compress {
namespace {

constexpr double kOneSided95 = 1.6448536269514722;  // of the normal distribution
// Half an example in each of the four cases of a pair.
constexpr double kAdded = 2;

}  // namespace

void PairedDrop::add_answers(bool original_right, bool compressed_right) {
  answers_ = true;
  ++examples_;
  worse_ += original_right && !compressed_right;
  better_ += !original_right && compressed_right;
}

void PairedDrop::add_losses(double original, double compressed) {
  ++examples_;
  sum_ += compressed - original;
  squares_ += (compressed - original) * (compressed - original);
}

double PairedDrop::mean() const {
  if (examples_ == 0) return 0;
  const double n = static_cast<double>(examples_);
  return answers_ ? static_cast<double>(worse_ - better_) / n : sum_ / n;
}

double PairedDrop::standard_error() const {
  const double n = static_cast<double>(examples_);
  if (!answers_) {
    const double variance = std::max(0.0, squares_ / n - mean() * mean()) * n / (n - 1);
    return std::sqrt(variance / n);
  }
  const double total = n + kAdded, changed = static_cast<double>(worse_ + better_) + kAdded / 2;
  const double net = static_cast<double>(worse_ - better_);
  return std::sqrt(changed - net * net / total) / total;
}

double PairedDrop::drop() const { return answers_ ? 100 * mean() : 100 * std::expm1(mean()); }

double PairedDrop::bound() const {
  if (examples_ < 2) return std::numeric_limits<double>::infinity();
  const double error = kOneSided95 * standard_error();
  if (!answers_) return 100 * std::expm1(mean() + error);
  const double n = static_cast<double>(examples_);
  return 100 * (mean() * n / (n + kAdded) + error);
}

std::optional<int64_t> PairedDrop::examples_needed(double max_drop) const {
  if (examples_ < 2) return std::nullopt;
  const double allowed = answers_ ? max_drop / 100 : std::log1p(max_drop / 100);
  const double slack = allowed - mean();
  if (slack <= 0) return std::nullopt;
  const double deviation = standard_error() * std::sqrt(static_cast<double>(examples_));
  const double needed = std::pow(kOneSided95 * deviation / slack, 2);
  return std::max<int64_t>(2, static_cast<int64_t>(std::ceil(needed)));
}

std::string drop_text(double drop, bool answers) {
  return answers ? fmt::format("{:.2f} points", drop) : fmt::format("{:.2f} % of perplexity", drop);
}

}  // namespace suan::compress
