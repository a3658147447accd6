// Taking turns.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/latency.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>

#include "suan/ops/op.h"
#include "suan/target/energy.h"

namespace suan::compress {
namespace {

using Clock = std::chrono::steady_clock;

BufferPtr made_up(const Type& type) {
  const BufferPtr buffer = Buffer::allocate(type.bytes());
  const int64_t n = type.shape.numel();
  visit(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    auto* values = static_cast<T*>(buffer->data());
    for (int64_t i = 0; i < n; ++i) {
      values[i] = is_float(type.dtype)
                      ? static_cast<T>(static_cast<float>(std::sin(0.37 * static_cast<double>(i))))
                      : static_cast<T>(1);
    }
  });
  return buffer;
}

class Contestant {
 public:
  explicit Contestant(const ProgramPtr& program) : context_(program) {
    for (const Tensor& t : program->graph().inputs) inputs_.push_back(made_up(t.type()));
  }
  double run() {
    const auto start = Clock::now();
    context_.run(inputs_);
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

 private:
  RunContext context_;
  std::vector<BufferPtr> inputs_;
};

std::vector<std::unique_ptr<Contestant>> contestants(std::span<const ProgramPtr> programs) {
  std::vector<std::unique_ptr<Contestant>> all;
  for (const ProgramPtr& p : programs) all.push_back(std::make_unique<Contestant>(p));
  return all;
}

// As many as fit into the time, by one run that is also the first to warm up.
int runs_for(double seconds, const LatencyOptions& o) {
  const double runs = o.seconds / std::max(seconds, 1e-7);
  return static_cast<int>(
      std::clamp(runs, static_cast<double>(o.least), static_cast<double>(o.most)));
}

}  // namespace

std::vector<double> latencies(std::span<const ProgramPtr> programs, const LatencyOptions& options) {
  const auto all = contestants(programs);
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

std::vector<double> energies(std::span<const ProgramPtr> programs, const LatencyOptions& options) {
  const EnergyMeter meter;
  if (!meter.joules()) return {};
  const auto all = contestants(programs);
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
