// The subcommands of `suan`, one .cpp file each. A command returns its exit code.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "suan/formats/json_line.h"

namespace suan::app {

// What every command accepts, but for choices of kernels where it makes none.
struct CommonOptions {
  std::set<std::string> given;  // the options that the command line has: "--json"
  bool json = false;            // print one JSON object as the last line
  int threads = 0;              // 0: all cores
  std::string device;           // empty: the CPU
  bool reproducible = false;    // no measuring
  bool exact = false;           // only kernels with the error bound of direct summation
};

// An option that would do nothing is a mistake: throws Error for the first of these that was given,
// which "has no effect " + where.
void refuse_unused(const CommonOptions& options, std::initializer_list<const char*> names,
                   std::string_view where);

struct DevicesOptions : CommonOptions {
  bool measure = false;
};
int run_devices(const DevicesOptions& options);

struct BenchTrainOptions : CommonOptions {
  std::string name = "lenet";
  std::string precision = "f32";
  int batch = 0;  // 0: the case's own
  int steps = 20;
  int warmup = 3;
  bool serve = false;
};
int run_bench_train(const BenchTrainOptions& options);
std::string bench_train_cases();  // "mlp, lenet or gpt-mini"

struct BenchKernelsOptions : CommonOptions {
  std::string name = "product";
  std::string precision = "f32";
  int64_t size = 1024;    // of the product's matrices
  size_t megabytes = 64;  // of the array that a chain or a copy reads
  int runs = 20;
  bool serve = false;
};
int run_bench_kernels(const BenchKernelsOptions& options);

struct CompressCommandOptions : CommonOptions {
  std::string model;  // a run or an ONNX model
  std::string data;   // a recipe; empty: a run's own
  std::vector<std::string> settings;
  std::string max_drop = "0.5%", objective = "latency";
  std::string quantize;  // int8, bf16, int8w or int4w: that and no search
  std::string prune;     // "50%": remove that share of the operations and train again
  std::string teacher;   // a run to distil from
  int64_t epochs = 0;    // of what is trained again
  int64_t block = 64;    // of integer weights alone
  std::string rounding = "nearest";
  bool embedding = false;
  std::string calibrator = "best";
  std::string output, checkpoint, runs = "runs";
  int64_t samples = 512, examples = 10000, batch = 1;
  bool exhaustive = false;
  bool quiet = false;
};
int run_compress(const CompressCommandOptions& options);

struct DemoOptions : CommonOptions {
  std::string report = "report.html";
  std::string runs = "runs";
};
int run_demo(const DemoOptions& options);

struct TrainCommandOptions : CommonOptions {
  std::string recipe;  // a file or a name
  std::vector<std::string> settings;
  std::string resume;  // a run
  std::string runs = "runs";
  int seeds = 1;
  int until_epoch = 0;
  bool quiet = false;
};
int run_train(const TrainCommandOptions& options);

struct EvalOptions : CommonOptions {
  std::string run;
  std::string data;  // a recipe
  std::vector<std::string> settings;
  std::string checkpoint;
  std::string runs = "runs";
};
int run_eval(const EvalOptions& options);

struct PredictOptions : CommonOptions {
  std::string run;
  std::vector<std::string> files;
  std::string runs = "runs";
};
int run_predict(const PredictOptions& options);

struct ModelOptions : CommonOptions {
  std::string model;
  std::vector<std::string> inputs;  // NAME=FILE.npy
  std::vector<std::string> dims;    // NAME=SIZE
  int batch = 0;                    // 0: as an engine file was compiled, or 1
  std::string precision;            // empty: f32, or as an engine file was compiled
  bool interpret = false, small_memory = false;
  std::vector<std::string> pad;      // SYMBOL[=MASK][:BOUND]
  std::vector<std::string> without;  // passes
  int64_t loop_limit = 1'000'000;    // iterations
  size_t memory_limit = 0;           // bytes; 0: that of onnx::Limits
};
struct InspectOptions : ModelOptions {  // the model may be a run, a recipe or a graph file too
  std::vector<std::string> settings;
  bool why = false, graph = false, passes = false;
  std::string runs = "runs";
};
int run_inspect(const InspectOptions& options);

struct ProfileOptions : ModelOptions {  // the model may be a run or a recipe too
  std::vector<std::string> settings;
  int steps = 20;
  std::string trace = "trace.json";
  std::string runs = "runs";
};
int run_profile(const ProfileOptions& options);

struct GenerateOptions : CommonOptions {
  std::string run;
  std::string prompt;
  int tokens = 500;
  double temperature = 0.8;
  int seed = 0;
  std::string runs = "runs";
};
int run_generate(const GenerateOptions& options);

struct RunModelOptions : ModelOptions {
  bool random = false;
  std::string save;  // a folder
};
int run_model(const RunModelOptions& options);

struct BenchInferOptions : ModelOptions {
  int runs = 50;
  int warmup = 5;
  bool serve = false;
  int lengths = 0;  // requests of random sizes of the padded axis; 0: all of one size
};
int run_bench_infer(const BenchInferOptions& options);

struct CompileCommandOptions : ModelOptions {
  std::string output;
  std::vector<std::string> shapes;  // NAME=SIZExSIZE
};
int run_compile(const CompileCommandOptions& options);

struct DiffOptions : ModelOptions {  // of A; B differs in what is given for it
  std::string model_b, precision_b;
  bool interpret_b = false, small_memory_b = false;
  std::vector<std::string> without_b;
  double tolerance = 0;  // 0: as the precisions suggest
};
int run_diff(const DiffOptions& options);

struct ConvertOptions : CompileCommandOptions {  // the model may be a run or weights too
  std::string model_of_weights;
  int opset = 20;
  bool training = false;
  std::string checkpoint;
  std::string runs = "runs";
};
int run_convert(const ConvertOptions& options);

struct ConformanceOptions : CommonOptions {
  std::vector<std::string> folders;
  bool interpret = false;
  bool engine_file = false;  // run each model from an engine file
  bool unfused = false;      // compare with no optional pass instead of with the expected outputs
  int timeout = 60;          // seconds for one test
  std::string page;          // a Markdown file to write
};
int run_conformance(const ConformanceOptions& options);

using formats::json_line;

// One line for each metric: its name in a column of `width`, shares in percent.
using Metrics = std::vector<std::pair<std::string, double>>;
void print_metrics(const Metrics& metrics, int width);

}  // namespace suan::app
