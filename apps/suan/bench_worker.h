// What the benchmarks of the command share: the memory they take, and answering
// benchmarks/compare.py, whose docstring says how. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <vector>

#include "apps/suan/commands.h"
#include "suan/base/arithmetic.h"

namespace suan::app {

// The most resident memory since this was made, beyond what there was then.
class PeakMemory {
 public:
  PeakMemory();
  double mb() const;

 private:
  double before_mb_;
};

// Percent of the CPU's peak; on a device NaN, which of_peak() leaves out and JSON writes as null.
double share_of_peak(double gflops, Arithmetic precision);
std::string of_peak(double share);  // ", 93.1 % of peak"

// Prints `ready` and then answers lines on standard input: `go N` by the times in milliseconds that
// run(N) gives, `peak` by the arithmetic rate in this precision. Throws Error for other lines.
void serve_benchmark(const formats::JsonFields& ready,
                     const std::function<std::vector<double>(int)>& run, const PeakMemory& memory,
                     Arithmetic precision);

}  // namespace suan::app
