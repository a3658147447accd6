// Machine: what this computer can do at best, measured, so that every speed can be told as a share
// of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>

#include "suan/base/arithmetic.h"

namespace suan {

// Highest rates measured with all threads that a run may use. A multiply-add counts as two
// operations.
struct MachinePeak {
  double f32_gflops = 0;  // multiply-adds in registers
  double bf16_gflops =
      0;  // bf16 dot products accumulated in f32; the f32 rate where there are none
  double int8_gops =
      0;  // u8 x i8 dot products accumulated in i32; the f32 rate where there are none
  double copy_gbytes = 0;  // a copy far beyond the caches, bytes read plus bytes written
};

std::string cpu_model();      // "AMD EPYC ..."
std::string isa_flags();      // "avx2 avx512f avx512_bf16 ..."
Arithmetic fast_precision();  // bf16 where the CPU computes in it, else f32
// Measures now (under a second a figure) and keeps the result for machine_peak().
MachinePeak measure_machine();
// The figures for this processor and thread count from the cache file
// ($XDG_CACHE_HOME/suan/machine.txt), measured first where they are missing.
const MachinePeak& machine_peak();
double peak_gflops(const MachinePeak& peak, DType dtype);
double peak_gflops(const MachinePeak& peak, Arithmetic precision);  // of most of its products

// Of a processor: no step is faster than its arithmetic at the one rate or its traffic at the other
// (Williams, Waterman and Patterson, 2009).
struct Roofline {
  double gflops = 0, gbytes = 0;  // a second
  double seconds(double flops, double bytes) const;
};
Roofline cpu_roofline(Arithmetic precision);

// Numbers that were measured once, in the same cache file by a key of one line: whether they were
// there. Failing to keep them only costs time.
bool load_figures(const std::string& key, std::span<double> figures);
void keep_figures(const std::string& key, std::span<const double> figures);

// The best arithmetic rate seen within `seconds` (or a little longer), in GFLOP/s (Gop/s for i8).
double measure_arithmetic(DType dtype, double seconds);
// Bytes read plus bytes written by a copy of `bytes`, the best of several, in GB/s.
double measure_copy(size_t bytes = size_t{256} << 20);

}  // namespace suan
