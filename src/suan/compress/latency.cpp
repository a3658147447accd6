// Taking turns.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/latency.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>

#include "suan/ops/op.h"
#include "suan/target/energy.h"

namespace suan::compress {
namespace {

using Clock = std::chrono::steady_clock;

class Contestant {
 public:
  Contestant(const ProgramPtr& program, const std::vector<BufferPtr>& inputs)
      : context_(program), inputs_(inputs) {}
  double run() {
    const auto start = Clock::now();
    context_.run(inputs_);
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  RunContext context_;
  const std::vector<BufferPtr>& inputs_;
};

std::vector<std::unique_ptr<Contestant>> contestants(std::span<const ProgramPtr> programs,
                                                     const std::vector<BufferPtr>& inputs) {
  std::vector<std::unique_ptr<Contestant>> all;
  for (const ProgramPtr& p : programs) all.push_back(std::make_unique<Contestant>(p, inputs));
  return all;
}

// As many as fit into the time, by one run that is also the first to warm up.
int runs_for(double seconds, const LatencyOptions& o) {
  const double runs = o.seconds / std::max(seconds, 1e-7);
  return static_cast<int>(
      std::clamp(runs, static_cast<double>(o.least), static_cast<double>(o.most)));
}

}  // namespace

std::vector<double> latencies(std::span<const ProgramPtr> programs,
                              const std::vector<BufferPtr>& inputs, const LatencyOptions& options) {
  const auto all = contestants(programs, inputs);
  std::vector<double> best(all.size(), std::numeric_limits<double>::infinity());
  double slowest = 0;
  for (const auto& c : all) {
    c->run();
    slowest = std::max(slowest, c->run());
  }
  for (int i = 0; i < runs_for(slowest, options); ++i) {
    for (size_t k = 0; k < all.size(); ++k) best[k] = std::min(best[k], all[k]->run());
  }
  return best;
}

std::vector<double> energies(std::span<const ProgramPtr> programs,
                             const std::vector<BufferPtr>& inputs, const LatencyOptions& options) {
  const EnergyMeter meter;
  if (!meter.joules()) return {};
  const auto all = contestants(programs, inputs);
  std::vector<double> joules(all.size(), 0);
  std::vector<int> runs;
  for (const auto& c : all) {
    c->run();
    runs.push_back(runs_for(c->run(), options));
  }
  constexpr int kTurns = 3;
  for (int turn = 0; turn < kTurns; ++turn) {
    for (size_t k = 0; k < all.size(); ++k) {
      const double before = *meter.joules();
      for (int i = 0; i < runs[k]; ++i) all[k]->run();
      joules[k] += (*meter.joules() - before) / (kTurns * runs[k]);
    }
  }
  return joules;
}

double constant_bytes(const Program& program) {
  double bytes = 0;
  for (const NodePtr& node : program.graph().nodes()) {
    if (!is(*node, Op::constant)) continue;
    const Type& type = node->types[0];
    const bool nibbles = type.dtype == DType::i4 || type.dtype == DType::u4;
    bytes += static_cast<double>(type.bytes()) / (nibbles ? 2 : 1);
  }
  return bytes;
}

}  // namespace suan::compress
