// The command `suan`: parses the command line and runs one subcommand.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>

#include "apps/suan/commands.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"

namespace {

using namespace suan::app;

void add_common(CLI::App& command, CommonOptions& options) {
  command.add_flag("--json", options.json, "Print one JSON object as the last line");
  command.add_option("--threads", options.threads, "Threads to use (default: all cores)")
      ->check(CLI::Range(1, 1024));
  command.add_flag("--exact", options.exact,
                   "Use only kernels with the error bound of direct summation");
}

template <class Options>
void add_command(CLI::App& command, Options& options, int (*run)(const Options&), int& exit_code) {
  add_common(command, options);
  command.callback([&options, run, &exit_code] {
    if (options.threads) suan::set_num_threads(options.threads);
    suan::set_exact_mode(options.exact);
    exit_code = run(options);
  });
}

int run(int argc, char** argv) {
  CLI::App app("Suan: trains, compresses, compiles and serves neural networks", "suan");
  app.set_version_flag("--version", SUAN_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;

  DevicesOptions devices;
  auto* devices_command = app.add_subcommand("devices", "What this machine offers");
  devices_command->add_flag("--measure", devices.measure, "Measure its peak rates anew");
  add_command(*devices_command, devices, run_devices, exit_code);

  BenchTrainOptions bench;
  auto* bench_command = app.add_subcommand("bench", "Measure Suan itself")->require_subcommand(1);
  auto* train = bench_command->add_subcommand("train", "The time of one training step");
  train->add_option("--case", bench.name, "mlp, lenet, resnet18, gpt-mini or gpt-small");
  train->add_option("--precision", bench.precision, "f32 or bf16");
  train->add_option("--steps", bench.steps, "Steps to time")->check(CLI::PositiveNumber);
  train->add_option("--warmup", bench.warmup, "Steps before that")->check(CLI::NonNegativeNumber);
  train->add_flag("--serve", bench.serve, "Answer `go N` and `peak` lines on standard input");
  add_command(*train, bench, run_bench_train, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const suan::Error& error) {
    std::fprintf(stderr, "suan: %s\n", error.what());
    return error.code() == suan::ErrorCode::kCancelled ? 130 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "suan: %s\n", error.what());
    return 2;
  }
}
