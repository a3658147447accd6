// The progress line.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace suan::train {
namespace {

constexpr double kTerminalInterval = 0.1;
constexpr int kBarWidth = 24;

}  // namespace

std::string clock_text(double seconds) {
  const auto s = static_cast<long>(std::clamp(std::isfinite(seconds) ? seconds : 0.0, 0.0, 3.6e6));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string to_text(const ProgressLine& line, bool bar) {
  std::string out = line.label;
  if (bar) {
    const int full = static_cast<int>(std::lround(line.share * kBarWidth));
    out += ' ';
    for (int i = 0; i < kBarWidth; ++i) out += i < full ? "━" : "╌";
  }
  out += fmt::format(" {:3.0f} %  loss {:.4f}", 100 * line.share, line.loss);
  if (line.accuracy >= 0) out += fmt::format("  accuracy {:.2f} %", 100 * line.accuracy);
  out += fmt::format("  {:.0f} {}/s  {:.1f} % of peak  {} left", line.rate, line.unit,
                     line.percent_of_peak, clock_text(line.seconds_left));
  return out;
}

ProgressBar::ProgressBar(std::FILE* out, bool quiet, double interval)
    : out_(out),
      quiet_(quiet),
      terminal_(::isatty(::fileno(out)) == 1),
      interval_(terminal_ ? kTerminalInterval : interval),
      last_(std::chrono::steady_clock::now()) {}

ProgressBar::~ProgressBar() { clear(); }

bool ProgressBar::due() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - last_;
  return !quiet_ && passed.count() >= interval_;
}

void ProgressBar::clear() {
  if (drawn_) fmt::print(out_, "\r\x1b[K");
  drawn_ = false;
}

void ProgressBar::draw(const ProgressLine& line) {
  if (quiet_) return;
  last_ = std::chrono::steady_clock::now();
  if (terminal_) {
    fmt::print(out_, "\r{}\x1b[K", to_text(line, true));
    drawn_ = true;
  } else {
    fmt::print(out_, "{}\n", to_text(line, false));
  }
  std::fflush(out_);
}

void ProgressBar::print(std::string_view text) {
  if (quiet_) return;
  clear();
  fmt::print(out_, "{}\n", text);
  std::fflush(out_);
}

}  // namespace suan::train
