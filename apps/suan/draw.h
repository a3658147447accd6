// Small grey images in the terminal: two pixels in one character, by half blocks.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "suan/base/array.h"

namespace suan::app {

struct Picture {
  Array pixels;  // u8 [h, w, 1]
  std::string caption;
  bool marked = false;  // the caption in red
};

// The pictures side by side in `columns` characters, as many lines as needed, captions below. With
// `colours` in shades of grey by ANSI codes, else black and white.
std::string draw(const std::vector<Picture>& pictures, int columns, bool colours);

int terminal_columns();   // of standard output; 80 where it is no terminal
bool terminal_colours();  // a terminal, and $NO_COLOR unset

}  // namespace suan::app
