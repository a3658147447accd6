// Measuring memory, and the loop of a warm worker.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/bench_worker.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"

namespace suan::app {
namespace {

// A field of /proc/self/status in MB ("VmHWM": the highest resident size so far).
double status_mb(std::string_view field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field))
      return std::strtod(line.c_str() + field.size() + 1, nullptr) / 1024;
  }
  return 0;
}

}  // namespace

PeakMemory::PeakMemory() : before_mb_(status_mb("VmRSS")) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the high-water mark starts anew
}
double PeakMemory::mb() const { return status_mb("VmHWM") - before_mb_; }

double share_of_peak(double gflops, Arithmetic precision) {
  if (current_backend().device) return NAN;
  return 100 * gflops / peak_gflops(machine_peak(), precision);
}
std::string of_peak(double share) {
  return std::isnan(share) ? std::string() : fmt::format(", {:.1f} % of peak", share);
}

void serve_benchmark(const formats::JsonFields& ready,
                     const std::function<std::vector<double>(int)>& run, const PeakMemory& memory,
                     Arithmetic precision) {
  fmt::print("{}\n", json_line(ready));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "peak") {
      fmt::print("{}\n", json_line({{"gflops", measure_arithmetic(data_dtype(precision), 0.05)}}));
    } else if (line.starts_with("go ")) {
      const auto times = run(std::max(1, std::atoi(line.c_str() + 3)));
      double total = 0;
      for (double t : times) total += t;
      fmt::print("{}\n", json_line({{"ms", total / static_cast<double>(times.size())},
                                    {"ms_min", *std::min_element(times.begin(), times.end())},
                                    {"peak_mb", memory.mb()}}));
    } else {
      fail("bench", "got '{}', expected `go N` or `peak`", line);
    }
    std::fflush(stdout);
  }
}

}  // namespace suan::app
