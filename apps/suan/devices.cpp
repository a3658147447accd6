// `suan devices`: cores, instruction sets, measured peak rates, and GPUs.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <optional>

#include "apps/suan/commands.h"
#include "suan/backend/cuda/gpu_peak.h"
#include "suan/backend/cuda/open.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/target/machine.h"

namespace suan::app {
namespace {

// What a GPU was measured to do at best, or is now; nothing, with the reason, where neither.
std::optional<cuda::GpuPeak> peak_of(int index, const cuda::GpuTraits& traits, bool measure,
                                     std::string& why_not) {
  cuda::GpuPeak peak;
  if (!measure) {
    why_not = "`suan devices --measure` measures them";
    return cuda::load_gpu_peak(traits, peak) ? std::optional(peak) : std::nullopt;
  }
  const auto gpu = cuda::open_gpu(index, cuda::Memory::plain, why_not);
  if (!gpu) return std::nullopt;
  try {
    return cuda::measure_gpu(*gpu);
  } catch (const Error& error) {
    why_not = error.what();
    return std::nullopt;
  }
}

// Prints it, and gives it as fields.
formats::JsonRows::value_type show_peak(int index, const cuda::GpuTraits& traits, bool measure) {
  std::string why_not;
  const auto peak = peak_of(index, traits, measure, why_not);
  if (!peak) {
    fmt::print("         peak rates are not known: {}\n", why_not);
    return {};
  }
  const std::pair<const char*, double> products[] = {{"f32", peak->f32_gflops},
                                                     {"tf32", peak->tf32_gflops},
                                                     {"bf16", peak->bf16_gflops},
                                                     {"f16", peak->f16_gflops}};
  formats::JsonRows::value_type fields;
  for (const auto& [name, gflops] : products) {
    fmt::print("{:<8} {:.1f} TFLOP/s\n", name, gflops / 1e3);
    fields.emplace_back(fmt::format("{}_gflops", name), gflops);
  }
  fmt::print("memory   {:.1f} GB/s copied (read + written)\n", peak->copy_gbytes);
  fields.emplace_back("copy_gbytes", peak->copy_gbytes);
  return fields;
}

// Prints each GPU, or why there is none; the same as fields.
formats::JsonFields show_gpus(bool measure) {
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
      const auto peak = show_peak(i, *gpu, measure);
      rows.back().insert(rows.back().end(), peak.begin(), peak.end());
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
  const formats::JsonFields gpus = show_gpus(options.measure);
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
