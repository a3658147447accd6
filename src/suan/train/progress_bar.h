// What a person sees while a network trains: one line that is drawn anew on a terminal, or a plain
// line now and then elsewhere.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

namespace suan::train {

struct ProgressLine {
  std::string label;  // "epoch 2/4"
  double share = 0;   // of the whole label's work that is done, 0 to 1
  double loss = 0;
  double accuracy = -1;  // negative: none
  double rate = 0;       // units a second
  std::string unit;      // "images"
  double percent_of_peak = 0;
  double seconds_left = 0;
};

// "epoch 2/4  62 %  loss 0.0841  accuracy 98.12 %  41203 images/s  55.0 % of peak  0:07 left".
std::string to_text(const ProgressLine& line, bool bar);
std::string clock_text(double seconds);  // "0:07", "1:02:03"

class ProgressBar {
 public:
  // Draws on `out` in place where that is a terminal, else prints a line every `interval` seconds.
  explicit ProgressBar(std::FILE* out, bool quiet = false, double interval = 10);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Whether enough time has passed; making the line may cost something.
  bool due() const;
  void draw(const ProgressLine& line);
  // A line that stays.
  void print(std::string_view text);

 private:
  void clear();
  std::FILE* out_;
  bool quiet_, terminal_, drawn_ = false;
  double interval_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace suan::train
