// Latency: how long programs take, measured side by side, since a machine's speed changes by the
// minute.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <vector>

#include "suan/program/program.h"

namespace suan::compress {

struct LatencyOptions {
  double seconds = 0.3;       // for each program, about
  int least = 5, most = 200;  // runs of each
};
// The shortest time of a run of each program on these inputs, in seconds. They take turns.
std::vector<double> latencies(std::span<const ProgramPtr> programs,
                              const std::vector<BufferPtr>& inputs,
                              const LatencyOptions& options = {});
// Joules of a run of each, where the processor counts them; else empty.
std::vector<double> energies(std::span<const ProgramPtr> programs,
                             const std::vector<BufferPtr>& inputs,
                             const LatencyOptions& options = {});
// Bytes of the constants that a program's model has.
double constant_bytes(const Program& program);

}  // namespace suan::compress
