// Half blocks.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/draw.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace suan::app {
namespace {

constexpr int64_t kMargin = 2;  // pixels left out at each side: digits keep clear of the border
constexpr int kGap = 2;

uint8_t pixel(const Array& image, int64_t y, int64_t x) {
  const bool inside = y < image.shape[0] - kMargin && x < image.shape[1] - kMargin;
  return inside ? image.as<uint8_t>()[y * image.shape[1] + x] : 0;
}

std::string cell(int top, int bottom, bool colours) {
  if (!colours) {
    constexpr int kInk = 100;
    static constexpr const char* kBlocks[] = {" ", "▄", "▀", "█"};
    return kBlocks[2 * (top > kInk) + (bottom > kInk)];
  }
  const auto grey = [](int v) { return 232 + v * 23 / 255; };  // of the 256-colour palette
  return fmt::format("\x1b[38;5;{};48;5;{}m▀", grey(top), grey(bottom));
}

std::string caption(const Picture& picture, int64_t width, bool colours) {
  const std::string text = fmt::format("{:^{}}", picture.caption, width);
  return picture.marked && colours ? "\x1b[31m" + text + "\x1b[0m" : text;
}

}  // namespace

std::string draw(const std::vector<Picture>& pictures, int columns, bool colours) {
  if (pictures.empty()) return "";
  const int64_t height = pictures[0].pixels.shape[0], width = pictures[0].pixels.shape[1];
  const int64_t shown = width - 2 * kMargin;
  const auto per_row = static_cast<size_t>(std::max<int64_t>(1, (columns + kGap) / (shown + kGap)));
  const std::string gap(kGap, ' ');
  std::string out;
  for (size_t first = 0; first < pictures.size(); first += per_row) {
    const size_t end = std::min(pictures.size(), first + per_row);
    for (int64_t y = kMargin; y < height - kMargin; y += 2) {
      for (size_t i = first; i < end; ++i) {
        for (int64_t x = kMargin; x < width - kMargin; ++x) {
          out +=
              cell(pixel(pictures[i].pixels, y, x), pixel(pictures[i].pixels, y + 1, x), colours);
        }
        out += (colours ? "\x1b[0m" : "") + (i + 1 < end ? gap : "");
      }
      out += '\n';
    }
    for (size_t i = first; i < end; ++i) {
      out += caption(pictures[i], shown, colours) + (i + 1 < end ? gap : "");
    }
    out += "\n";
  }
  return out;
}

int terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

bool terminal_colours() {
  const char* no_colour = std::getenv("NO_COLOR");
  return ::isatty(STDOUT_FILENO) == 1 && !(no_colour && *no_colour);
}

}  // namespace suan::app
