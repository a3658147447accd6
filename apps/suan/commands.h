// The subcommands of `suan`, one .cpp file each. A command returns its exit code.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace suan::app {

// What every command accepts.
struct CommonOptions {
  bool json = false;   // print one JSON object as the last line
  int threads = 0;     // 0: all cores
  bool exact = false;  // only kernels with the error bound of direct summation
};

struct DevicesOptions : CommonOptions {
  bool measure = false;
};
int run_devices(const DevicesOptions& options);

struct BenchTrainOptions : CommonOptions {
  std::string name = "lenet";
  std::string precision = "f32";
  int steps = 20;
  int warmup = 3;
  bool serve = false;
};
int run_bench_train(const BenchTrainOptions& options);

// A flat JSON object in the order given; numbers that are not finite become null.
using JsonValue = std::variant<std::string, double, int64_t, bool>;
std::string json_line(const std::vector<std::pair<std::string, JsonValue>>& fields);

}  // namespace suan::app
