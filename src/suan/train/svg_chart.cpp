// Line charts as SVG text.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "suan/train/report.h"

namespace suan::train {
namespace {

constexpr double kWidth = 460, kHeight = 260;
constexpr double kLeft = 52, kRight = 12, kTop = 30, kBottom = 36;
constexpr const char* kColours[] = {"#2563eb", "#ea580c", "#16a34a", "#9333ea"};

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void take(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
  void widen() {
    if (!(low <= high)) low = 0, high = 1;
    if (high - low < 1e-12) high = low + 1;
  }
};

// 1, 2 or 5 times a power of ten, so that about `count` of them cover the extent.
double tick_step(const Extent& e, int count) {
  const double raw = (e.high - e.low) / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double m : {1.0, 2.0, 5.0}) {
    if (m * power >= raw) return m * power;
  }
  return 10 * power;
}

class Chart {
 public:
  explicit Chart(const std::vector<Curve>& curves) {
    for (const Curve& curve : curves) {
      for (const auto& [x, y] : curve.points) {
        if (!std::isfinite(x) || !std::isfinite(y)) continue;
        x_.take(x);
        y_.take(y);
      }
    }
    x_.widen();
    y_.widen();
    const double step = tick_step(y_, 4);
    y_.low = std::floor(y_.low / step) * step;
    y_.high = std::ceil(y_.high / step) * step;
  }
  double px(double x) const {
    return kLeft + (x - x_.low) / (x_.high - x_.low) * (kWidth - kLeft - kRight);
  }
  double py(double y) const {
    return kHeight - kBottom - (y - y_.low) / (y_.high - y_.low) * (kHeight - kTop - kBottom);
  }
  std::string dots(const Curve& curve, const char* colour) const {
    std::string out;
    for (const auto& [x, y] : curve.points) {
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      out += fmt::format("<circle cx='{:.1f}' cy='{:.1f}' r='4' fill='{}' fill-opacity='0.6'/>\n",
                         px(x), py(y), colour);
    }
    return out;
  }
  std::string axes(bool percent) const {
    std::string out;
    const double step = tick_step(y_, 4);
    for (double y = y_.low; y <= y_.high + step / 2; y += step) {
      out += fmt::format(
          "<line x1='{:.1f}' x2='{:.1f}' y1='{:.1f}' y2='{:.1f}' class='grid'/>"
          "<text x='{:.1f}' y='{:.1f}' text-anchor='end'>{}</text>\n",
          kLeft, kWidth - kRight, py(y), py(y), kLeft - 6, py(y) + 4,
          percent ? fmt::format("{:.4g} %", 100 * y) : fmt::format("{:.4g}", y));
    }
    const double x_step = tick_step(x_, 6);
    for (double x = std::ceil(x_.low / x_step) * x_step; x <= x_.high + x_step / 100; x += x_step) {
      out += fmt::format("<text x='{:.1f}' y='{:.1f}' text-anchor='middle'>{:.4g}</text>\n", px(x),
                         kHeight - kBottom + 16, x);
    }
    return out;
  }

 private:
  Extent x_, y_;
};

}  // namespace

std::string svg_chart(const std::string& title, const std::string& x_axis,
                      const std::vector<Curve>& curves, bool percent) {
  const Chart chart(curves);
  std::string out = fmt::format(
      "<svg viewBox='0 0 {} {}' width='{}' height='{}' role='img' aria-label='{}'>\n"
      "<text x='{}' y='16' class='title'>{}</text>\n{}",
      kWidth, kHeight, kWidth, kHeight, escaped_html(title), kLeft, escaped_html(title),
      chart.axes(percent));
  out += fmt::format("<text x='{}' y='{}' text-anchor='end'>{}</text>\n", kWidth - kRight,
                     kHeight - 4, escaped_html(x_axis));
  double legend = kWidth - kRight;
  for (size_t i = 0; i < curves.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    std::string points;
    for (const auto& [x, y] : curves[i].points) {
      if (std::isfinite(x) && std::isfinite(y)) {
        points += fmt::format("{:.1f},{:.1f} ", chart.px(x), chart.py(y));
      }
    }
    if (curves[i].dots) out += chart.dots(curves[i], colour);
    if (curves[i].line)
      out += fmt::format("<polyline points='{}' fill='none' stroke='{}' stroke-width='2'/>\n",
                         points, colour);
    out += fmt::format("<text x='{}' y='16' text-anchor='end' style='fill:{}'>{}</text>\n", legend,
                       colour, escaped_html(curves[i].name));
    legend -= 14 + 7 * static_cast<double>(curves[i].name.size());
  }
  return out + "</svg>\n";
}

}  // namespace suan::train
