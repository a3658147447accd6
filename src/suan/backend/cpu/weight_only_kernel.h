// The inner product of rows of floats and small integers, in integers: a segment of a row is taken
// as 31-bit fixed-point numbers, of four digits to the base 256, and every digit is multiplied by
// AVX-512 VNNI. The sums are exact; what fixed point loses lies 2^-30 below the segment's largest.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

namespace suan::cpu {

constexpr int64_t kColumns = 16;     // that lie together: lanes of a vector
constexpr int64_t kDepth = 8;        // rows of weights that are multiplied together
constexpr int64_t kSegment = 128;    // rows, at most, whose sums are kept in integers
constexpr int kDigits = 4;           // of a number of x
constexpr int64_t kTileRows = 3;     // rows of x that are multiplied at once
constexpr int64_t kTilePanels = 16;  // panels of columns, at most, in one call

// Weights along k that share a scale, or a part of such a block.
struct WeightSegment {
  int64_t k, count;  // begins at a multiple of kDepth
  int64_t block;     // which has its scales
};

// How weights are stored: bits 4 or 8, as `value + offset`, but 8-bit integers as they are.
struct WeightFormat {
  int bits = 4;
  bool has_sign = true;
  int offset() const { return !has_sign ? 0 : bits == 4 ? 8 : 128; }
};

// Rows of x as digits. For each kDepth numbers there are two groups of four (of 4-bit weights those
// at even places, then those at odd ones), of which digit d is the bytes of a 32-bit number.
struct DigitRows {
  uint32_t* digits = nullptr;  // [row][step]
  float* units = nullptr;     // [row][segment] what 1 stands for; NaN where something is not finite
  int32_t* starts = nullptr;  // [row][segment][kDigits] what sums begin with
  int64_t step = 0, segments = 0;
};
int64_t digit_step(int64_t k);  // of numbers between two rows' digits

// Row `row` of the result. `has_zeros`: sums begin without the offset, which is part of the zeros.
void to_digits(const float* x, const WeightSegment* segments, const WeightFormat& format,
               bool has_zeros, const DigitRows& out, int64_t row);

// Panels of 16 columns: all of them lie one after the other.
struct WeightPanels {
  const uint8_t* weights;  // [panel][k / 8][16][8] of 4 bits, or [panel][k / 4][16][4] bytes
  const float* scales;     // [panel][block][16]
  const uint8_t* zeros;    // the same, of bytes; null: none
  int64_t panel_bytes, blocks;
};
// c[r][n] = sum_k x[r][k] w[k][n] for rows [row, row + rows) and columns of panels [0, panels).
void multiply_digits(const DigitRows& x, int64_t row, int64_t rows, const WeightPanels& w,
                     int64_t panels, const WeightSegment* segments, const WeightFormat& format,
                     float* c, int64_t c_step);

}  // namespace suan::cpu
