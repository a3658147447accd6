// `suan devices`: cores, instruction sets, measured peak rates, and GPUs.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include "apps/suan/commands.h"
#include "suan/backend/cuda/open.h"
#include "suan/base/threads.h"
#include "suan/target/machine.h"

namespace suan::app {
namespace {

// Prints a line for each GPU, or why there is none; the same as fields.
formats::JsonFields show_gpus() {
  formats::JsonRows rows;
  std::string reason;
  const int count = cuda::count_gpus(reason);
  for (int i = 0; i < count; ++i) {
    std::string why_not;
    if (const auto gpu = cuda::describe_gpu(i, why_not)) {
      fmt::print("cuda:{}   {}, sm_{}, {:.1f} GB\n", i, gpu->model, gpu->architecture,
                 static_cast<double>(gpu->memory_bytes) / 1e9);
      rows.push_back({{"index", int64_t{i}},
                      {"model", gpu->model},
                      {"architecture", int64_t{gpu->architecture}},
                      {"memory_bytes", static_cast<int64_t>(gpu->memory_bytes)}});
    } else {
      fmt::print("cuda:{}   not usable: {}\n", i, why_not);
      reason = why_not;
    }
  }
  if (count == 0) fmt::print("cuda     not usable: {}\n", reason);
  return {{"cuda", rows}, {"cuda_why_not", rows.empty() ? reason : ""}};
}

}  // namespace

int run_devices(const DevicesOptions& options) {
  const MachinePeak peak = options.measure ? measure_machine() : machine_peak();
  fmt::print("cpu      {}\n", cpu_model());
  fmt::print("threads  {}\n", num_threads());
  fmt::print("isa      {}\n", isa_flags());
  fmt::print("f32      {:.1f} GFLOP/s\n", peak.f32_gflops);
  fmt::print("bf16     {:.1f} GFLOP/s\n", peak.bf16_gflops);
  fmt::print("int8     {:.1f} Gop/s\n", peak.int8_gops);
  fmt::print("memory   {:.1f} GB/s copied (read + written)\n", peak.copy_gbytes);
  const formats::JsonFields gpus = show_gpus();
  if (options.json) {
    formats::JsonFields fields{{"cpu", cpu_model()},
                               {"threads", int64_t{num_threads()}},
                               {"isa", isa_flags()},
                               {"f32_gflops", peak.f32_gflops},
                               {"bf16_gflops", peak.bf16_gflops},
                               {"int8_gops", peak.int8_gops},
                               {"copy_gbytes", peak.copy_gbytes}};
    fields.insert(fields.end(), gpus.begin(), gpus.end());
    fmt::print("{}\n", json_line(fields));
  }
  return 0;
}

}  // namespace suan::app
