// `suan devices`: cores, instruction sets and measured peak rates.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "apps/suan/commands.h"
#include "suan/base/threads.h"
#include "suan/target/machine.h"

namespace suan::app {

int run_devices(const DevicesOptions& options) {
  const MachinePeak peak = options.measure ? measure_machine() : machine_peak();
  fmt::print("cpu      {}\n", cpu_model());
  fmt::print("threads  {}\n", num_threads());
  fmt::print("isa      {}\n", isa_flags());
  fmt::print("f32      {:.1f} GFLOP/s\n", peak.f32_gflops);
  fmt::print("bf16     {:.1f} GFLOP/s\n", peak.bf16_gflops);
  fmt::print("int8     {:.1f} Gop/s\n", peak.int8_gops);
  fmt::print("memory   {:.1f} GB/s copied (read + written)\n", peak.copy_gbytes);
  if (options.json) {
    fmt::print("{}\n", json_line({{"cpu", cpu_model()},
                                  {"threads", int64_t{num_threads()}},
                                  {"isa", isa_flags()},
                                  {"f32_gflops", peak.f32_gflops},
                                  {"bf16_gflops", peak.bf16_gflops},
                                  {"int8_gops", peak.int8_gops},
                                  {"copy_gbytes", peak.copy_gbytes}}));
  }
  return 0;
}

}  // namespace suan::app
