// The command `suan`: parses the command line and runs one subcommand.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "apps/suan/commands.h"
#include "suan/backend/kernel.h"
#include "suan/base/arithmetic.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/program/choice.h"
#include "suan/tensor/compile.h"

namespace {

using namespace suan::app;

// What a command leaves to its user of the choice of kernels; in_order opens the device itself.
enum class Kernels : uint8_t { all, in_order, none };

void add_common(CLI::App& command, CommonOptions& options, Kernels kernels) {
  command.add_flag("--json", options.json, "Print one JSON object as the last line");
  command.add_option("--threads", options.threads, "Threads to use (default: all cores)")
      ->check(CLI::Range(1, 1024));
  if (kernels == Kernels::none) return;
  command.add_option("--device", options.device,
                     "cpu (the default), cuda, cuda:1 for another GPU, or cuda-null: the plan of a "
                     "GPU that computes nothing");
  command.add_flag("--exact", options.exact,
                   "Use only kernels with the error bound of direct summation");
  if (kernels == Kernels::in_order) return;
  command.add_flag("--reproducible", options.reproducible,
                   "Choose kernels by their order, not by measuring");
}

template <class Options>
void add_command(CLI::App& command, Options& options, int (*run)(const Options&), int& exit_code,
                 Kernels kernels = Kernels::all) {
  add_common(command, options, kernels);
  command.callback([&command, &options, run, &exit_code, kernels] {
    for (const CLI::Option* option : command.get_options()) {
      if (option->count()) options.given.insert(option->get_name());
    }
    if (options.threads) suan::set_num_threads(options.threads);
    suan::set_exact_mode(options.exact);
    suan::set_reproducible_mode(options.reproducible);
    if (!options.device.empty() && kernels == Kernels::all) suan::set_backend(options.device);
    exit_code = run(options);
  });
}

// An option that may be given many times.
void add_list(CLI::App& command, const char* flag, std::vector<std::string>& values,
              const char* type, const char* text) {
  command.add_option(flag, values, text)->type_name(type)->expected(1)->take_all();
}

// What says which sizes of a model are meant.
void add_sizes(CLI::App& command, ModelOptions& options) {
  add_list(command, "--dim", options.dims, "NAME=SIZE", "A size that the model leaves open");
  command.add_option("--batch", options.batch, "The first size, where it is open")
      ->check(CLI::Range(1, 1 << 20));
  command.add_option("--loop-limit", options.loop_limit, "Iterations that a loop may have")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      .add_option("--memory-limit", options.memory_limit,
                  "Memory that a model may take, such as 4GB (default: 7/8 of what there is)")
      ->type_name("BYTES")
      ->transform(CLI::AsSizeValue(false));
}

void add_memory(CLI::App& command, const char* flag, bool& small_memory, const char* text) {
  command
      .add_option_function<std::string>(
          flag, [&small_memory](const std::string& mode) { small_memory = mode == "small"; }, text)
      ->type_name("MODE")
      ->check(CLI::IsMember({"default", "small"}));
}

constexpr const char* kAsCompiled = "f32, or as an engine file was compiled";

void add_precision(CLI::App& command, std::string& precision, const char* otherwise) {
  command.add_option("--precision", precision,
                     fmt::format("{}, or auto: bf16 where the CPU computes in it (default: {})",
                                 fmt::join(suan::arithmetic_names(), ", "), otherwise));
}

// What says how a model's programs are made.
void add_program(CLI::App& command, ModelOptions& options, const char* precision = kAsCompiled) {
  add_precision(command, options.precision, precision);
  add_memory(command, "--memory", options.small_memory,
             "small: no kernel that takes much more memory than its operands");
  add_list(command, "--no-pass", options.without, "NAME", "Leave out this pass over the graph");
}

void add_inputs(CLI::App& command, ModelOptions& options) {
  add_list(command, "--input", options.inputs, "NAME=FILE.npy",
           "An input from a file; others are made up");
}

void add_shapes(CLI::App& command, CompileCommandOptions& options) {
  add_list(command, "--shape", options.shapes, "NAME=1x3x224x224",
           "The shape of an input; given again, another program");
}

// All that says which program of a model is meant.
void add_model(CLI::App& command, ModelOptions& options) {
  add_inputs(command, options);
  add_sizes(command, options);
  add_program(command, options);
}

void add_pad(CLI::App& command, ModelOptions& options) {
  add_list(command, "--pad", options.pad, "SYMBOL[=MASK][:BOUND]",
           "Pad an open size, so that nearby ones share a program");
}

// The commands about recipes and runs.
struct RunCommands {
  DemoOptions demo;
  TrainCommandOptions train;
  EvalOptions eval;
  PredictOptions predict;
  GenerateOptions generate;
  InspectOptions inspect;
  ProfileOptions profile;
  CompressCommandOptions compress;

  static void add_settings(CLI::App& command, std::vector<std::string>& settings) {
    add_list(command, "--set", settings, "KEY=VALUE", "Change a key of the recipe");
  }
  static CLI::App& add(CLI::App& app, const char* name, const char* text, std::string& run,
                       std::string& runs) {
    CLI::App& command = *app.add_subcommand(name, text);
    command.add_option("RUN", run, "The folder of a run, or its name")->required();
    command.add_option("--runs", runs, "Where runs are looked for by name")->capture_default_str();
    return command;
  }

  void add_train(CLI::App& app, int& exit_code) {
    CLI::App& command = *app.add_subcommand("train", "Train a recipe");
    command.add_option("RECIPE", train.recipe, "A recipe file, or the name of a built-in recipe");
    add_settings(command, train.settings);
    command.add_option_function<std::string>(
        "--precision",
        [this](const std::string& precision) {
          train.settings.push_back("train.precision=" + precision);
        },
        "The same as --set train.precision=...");
    command.add_option("--resume", train.resume, "Go on with this run");
    command.add_option("--seeds", train.seeds, "Train this many times and report the mean")
        ->check(CLI::Range(1, 10000));
    command.add_option("--runs", train.runs, "Where the run's folder is made")
        ->capture_default_str();
    command.add_option("--until-epoch", train.until_epoch, "Save and stop after this epoch")
        ->check(CLI::PositiveNumber);
    command.add_flag("--quiet", train.quiet, "No progress");
    add_command(command, train, run_train, exit_code);
  }

  void add_compress(CLI::App& app, int& exit_code) {
    CLI::App& command =
        *app.add_subcommand("compress", "Make a model smaller and faster, within a promise");
    command.add_option("MODEL", compress.model, "A run, or an ONNX model")->required();
    command.add_option(
        "--data", compress.data,
        "Take the data of this recipe; of a model: a file with samples of its inputs (.npz, "
        ".safetensors), and perhaps labels");
    add_settings(command, compress.settings);
    command
        .add_option("--max-drop", compress.max_drop,
                    "What may be lost: points of accuracy or cosine, or per cent of perplexity")
        ->capture_default_str();
    command.add_option("--objective", compress.objective, "latency, size or energy")
        ->capture_default_str();
    command.add_option(
        "--quantize", compress.quantize,
        "No search: int8 or bf16 wherever it can be, or weights alone: int8w, int4w");
    command.add_option("--prune", compress.prune,
                       "Remove this share of a run's operations, such as 50%, and train again");
    command.add_option("--distill-from", compress.teacher,
                       "Train a run again with this one as its teacher");
    command
        .add_option("--epochs", compress.epochs,
                    "Of --prune and --distill-from (default: a third of the recipe's); with "
                    "--quantize int8: train in integers for so long; of a search: try pruned and "
                    "factorised forms too, trained for so long")
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
    command.add_flag("--exhaustive", compress.exhaustive,
                     "Measure every choice of precisions (of models with few layers)");
    command.add_option("--block", compress.block, "Of int8w and int4w: weights that share a scale")
        ->check(CLI::Range(int64_t{0}, int64_t{1} << 20))
        ->capture_default_str();
    command.add_option("--rounding", compress.rounding, "Of int8w and int4w: nearest or gptq")
        ->capture_default_str();
    command.add_flag("--embedding", compress.embedding,
                     "int8w and int4w: also weights that are an embedding too");
    command
        .add_option("--calibrator", compress.calibrator, "minmax, percentile, entropy, mse or best")
        ->capture_default_str();
    command.add_option("--samples", compress.samples, "To calibrate with")
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
        ->capture_default_str();
    command.add_option("--examples", compress.examples, "To judge by, at most")
        ->check(CLI::Range(int64_t{2}, int64_t{1} << 30))
        ->capture_default_str();
    command.add_option("--batch", compress.batch, "The batch that latency is measured for")
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 20))
        ->capture_default_str();
    command.add_option("--output", compress.output, "The model to write (.onnx)");
    command.add_option("--checkpoint", compress.checkpoint, "last or best");
    command.add_option("--runs", compress.runs, "Where runs are looked for by name")
        ->capture_default_str();
    command.add_flag("--quiet", compress.quiet, "No progress");
    add_command(command, compress, run_compress, exit_code);
  }

  void add(CLI::App& app, int& exit_code) {
    CLI::App& demo_command = *app.add_subcommand(
        "demo", "Train on handwritten digits, compress and compile the model, and report");
    demo_command.add_option("--report", demo.report, "The page to write")->capture_default_str();
    demo_command.add_option("--runs", demo.runs, "Where the run's folder is made")
        ->capture_default_str();
    add_command(demo_command, demo, run_demo, exit_code);
    add_train(app, exit_code);
    CLI::App& eval_command = add(app, "eval", "Evaluate a run on test data", eval.run, eval.runs);
    eval_command.add_option("--data", eval.data, "Take the data of this recipe");
    eval_command.add_option("--checkpoint", eval.checkpoint, "last or best");
    add_settings(eval_command, eval.settings);
    add_command(eval_command, eval, run_eval, exit_code);
    CLI::App& predict_command =
        add(app, "predict", "Classify images or lines of text", predict.run, predict.runs);
    predict_command.add_option("FILE", predict.files, "Images, or text files")->required();
    add_command(predict_command, predict, run_predict, exit_code);
    CLI::App& generate_command =
        add(app, "generate", "Continue a text", generate.run, generate.runs);
    generate_command.add_option("--prompt", generate.prompt, "The text to continue");
    generate_command.add_option("--tokens", generate.tokens, "How many to generate")
        ->check(CLI::Range(1, 1000000));
    generate_command.add_option("--temperature", generate.temperature, "0: the most probable one")
        ->check(CLI::Range(0.0, 100.0));
    generate_command.add_option("--seed", generate.seed, "Of the random choice")
        ->check(CLI::NonNegativeNumber);
    add_command(generate_command, generate, run_generate, exit_code);
    add_inspect(app, exit_code);
    add_compress(app, exit_code);
  }

  void add_inspect(CLI::App& app, int& exit_code) {
    CLI::App& inspect_command = *app.add_subcommand("inspect", "The program of a training step");
    inspect_command
        .add_option("RUN", inspect.model,
                    "A run, a recipe, an ONNX model, an engine file, or a graph")
        ->required();
    add_model(inspect_command, inspect);
    add_pad(inspect_command, inspect);
    inspect_command.add_flag("--why", inspect.why,
                             "Say why other kernels were refused and, of a model, how long each "
                             "step takes");
    inspect_command.add_flag("--passes", inspect.passes, "The time of each pass over the graph");
    inspect_command.add_flag("--graph", inspect.graph, "Print the optimised graph as text");
    inspect_command.add_option("--runs", inspect.runs, "Where runs are looked for by name");
    add_settings(inspect_command, inspect.settings);
    add_command(inspect_command, inspect, run_inspect, exit_code);
    CLI::App& profile_command =
        *app.add_subcommand("profile", "Where the time of a training step goes");
    profile_command
        .add_option("RUN", profile.model, "A run, a recipe, an ONNX model or an engine file")
        ->required();
    add_model(profile_command, profile);
    profile_command.add_option("--steps", profile.steps, "Steps to measure")
        ->check(CLI::Range(1, 100000));
    profile_command.add_option("--trace", profile.trace, "The trace file")->capture_default_str();
    profile_command.add_option("--runs", profile.runs, "Where runs are looked for by name");
    add_settings(profile_command, profile.settings);
    add_command(profile_command, profile, run_profile, exit_code);
  }
};

// The commands about ONNX models.
struct ModelCommands {
  ConformanceOptions conformance;
  RunModelOptions run;
  BenchInferOptions bench;
  CompileCommandOptions compile;
  DiffOptions diff;
  ConvertOptions convert;

  static void add_runnable(CLI::App& command, ModelOptions& options) {
    command.add_option("MODEL", options.model, "An ONNX file or an engine file")->required();
    add_model(command, options);
    command.add_flag("--interpret", options.interpret, "Run node by node, compile nothing");
    add_pad(command, options);
  }
  void add_bench(CLI::App& bench_command, int& exit_code) {
    CLI::App& command = *bench_command.add_subcommand("infer", "The time of a model's run");
    add_runnable(command, bench);
    command.add_option("--runs", bench.runs, "Runs to time")->check(CLI::PositiveNumber);
    command.add_option("--warmup", bench.warmup, "Runs before that")->check(CLI::NonNegativeNumber);
    command
        .add_option("--lengths", bench.lengths,
                    "Requests of random sizes of the padded axis, from 1 to its bound, against "
                    "runs at the bound")
        ->check(CLI::PositiveNumber);
    command.add_flag("--serve", bench.serve, "Answer `go N` and `peak` lines on standard input");
    add_command(command, bench, run_bench_infer, exit_code);
  }
  void add_run(CLI::App& app, int& exit_code) {
    CLI::App& command = *app.add_subcommand("run", "Run a model once and print its outputs");
    add_runnable(command, run);
    command.add_flag("--random", run.random, "Make up all inputs, as without --input");
    command.add_option("--save", run.save, "Write the outputs as .npy files into this folder");
    add_command(command, run, run_model, exit_code);
  }

  void add_compile(CLI::App& app, int& exit_code) {
    CLI::App& command = *app.add_subcommand("compile", "Compile a model into an engine file");
    command.add_option("MODEL", compile.model, "An ONNX file, or an engine file with its model")
        ->required();
    command.add_option("-o,--output", compile.output, "The engine file, such as model.suan")
        ->required();
    add_shapes(command, compile);
    add_sizes(command, compile);
    add_program(command, compile, "f32");
    add_command(command, compile, run_compile, exit_code);
  }

  void add_diff(CLI::App& app, int& exit_code) {
    CLI::App& command = *app.add_subcommand(
        "diff", "Run two models, or one in two ways, and show the first node where they part");
    command.add_option("A", diff.model, "An ONNX file or an engine file")->required();
    command.add_option("B", diff.model_b, "Another one with the same inputs (default: A)");
    add_inputs(command, diff);
    add_sizes(command, diff);
    add_precision(command, diff.precision, kAsCompiled);
    command.add_option("--precision-b", diff.precision_b,
                       "Of B (default: that of A, or as an engine file was compiled)");
    add_memory(command, "--memory", diff.small_memory,
               "small: no kernel for A that takes much more memory than its operands");
    add_memory(command, "--memory-b", diff.small_memory_b, "The same for B");
    add_list(command, "--no-pass", diff.without, "NAME", "Leave out this pass over A");
    add_list(command, "--no-pass-b", diff.without_b, "NAME", "Leave out this pass over B");
    command.add_flag("--interpret", diff.interpret, "Run A node by node, compile nothing");
    command.add_flag("--interpret-b", diff.interpret_b, "Run B node by node");
    command
        .add_option("--tolerance", diff.tolerance,
                    "Largest difference, as a share of A's largest value, that is none "
                    "(default: 1e-3, or 5e-2 with bf16)")
        ->check(CLI::PositiveNumber);
    add_command(command, diff, run_diff, exit_code);
  }

  void add_convert(CLI::App& app, int& exit_code) {
    CLI::App& command =
        *app.add_subcommand("convert", "A run, a model or weights in another format");
    command
        .add_option("MODEL", convert.model,
                    "A run, an ONNX file, an engine file, or weights (.safetensors)")
        ->required();
    command.add_option("-o,--output", convert.output, "A .onnx, .suan or .safetensors file")
        ->required();
    command.add_option("--model", convert.model_of_weights,
                       "Of weights: the model they are put into");
    command.add_option("--opset", convert.opset, "Of the ONNX file")->capture_default_str();
    command.add_flag("--training", convert.training, "Of a run: its training step");
    command.add_option("--checkpoint", convert.checkpoint, "Of a run: last or best");
    command.add_option("--runs", convert.runs, "Where runs are looked for by name");
    add_inputs(command, convert);
    add_sizes(command, convert);
    add_shapes(command, convert);
    add_program(command, convert, "f32");
    add_command(command, convert, run_convert, exit_code);
  }

  void add(CLI::App& app, int& exit_code) {
    add_run(app, exit_code);
    add_compile(app, exit_code);
    add_diff(app, exit_code);
    add_convert(app, exit_code);
    CLI::App& command = *app.add_subcommand("conformance", "Run ONNX test-data folders");
    command.add_option("DIR", conformance.folders, "Folders with tests, or above such")->required();
    command.add_flag("--interpret", conformance.interpret, "Run node by node, compile nothing");
    command.add_flag("--unfused", conformance.unfused,
                     "Compare with no optional pass instead of with the expected outputs");
    command.add_flag("--engine-file", conformance.engine_file,
                     "Write each model into an engine file and run that");
    command.add_option("--page", conformance.page, "Write the failures as a Markdown page");
    command.add_option("--timeout", conformance.timeout, "Seconds for one test")
        ->check(CLI::Range(1, 86400));
    add_command(command, conformance, run_conformance, exit_code, Kernels::in_order);
  }
};

void add_bench_kernels(CLI::App& bench_command, BenchKernelsOptions& options, int& exit_code) {
  CLI::App& command = *bench_command.add_subcommand("kernels", "The time of one large kernel");
  command.add_option("--case", options.name, "product, chain or copy");
  command.add_option("--precision", options.precision, "f32 or bf16");
  const CLI::Range any(1, 1 << 16);
  command.add_option("--size", options.size, "Rows and columns of the product")->check(any);
  command.add_option("--megabytes", options.megabytes, "MiB of the array read")->check(any);
  command.add_option("--runs", options.runs, "Runs to time")->check(CLI::PositiveNumber);
  command.add_flag("--serve", options.serve, "Answer `go N` and `peak` lines on standard input");
  add_command(command, options, run_bench_kernels, exit_code);
}

int run(int argc, char** argv) {
  CLI::App app("Suan: trains, compresses, compiles and serves neural networks", "suan");
  app.set_version_flag("--version", SUAN_VERSION);
  app.require_subcommand(1);
  int exit_code = 0;
  DevicesOptions devices;
  auto* devices_command = app.add_subcommand("devices", "What this machine offers");
  devices_command->add_flag("--measure", devices.measure,
                            "Measure its peak rates anew, those of GPUs too");
  add_command(*devices_command, devices, run_devices, exit_code, Kernels::none);

  BenchTrainOptions bench;
  auto* bench_command = app.add_subcommand("bench", "Measure Suan itself")->require_subcommand(1);
  auto* train = bench_command->add_subcommand("train", "The time of one training step");
  train->add_option("--case", bench.name, bench_train_cases());
  train->add_option("--batch", bench.batch, "Samples in a step")->check(CLI::Range(1, 1 << 20));
  train->add_option("--precision", bench.precision,
                    fmt::format("{}", fmt::join(suan::arithmetic_names(), ", ")));
  train->add_option("--steps", bench.steps, "Steps to time")->check(CLI::PositiveNumber);
  train->add_option("--warmup", bench.warmup, "Steps before that")->check(CLI::NonNegativeNumber);
  train->add_flag("--serve", bench.serve, "Answer `go N` and `peak` lines on standard input");
  add_command(*train, bench, run_bench_train, exit_code);
  BenchKernelsOptions kernels;
  add_bench_kernels(*bench_command, kernels, exit_code);

  RunCommands run_commands;
  run_commands.add(app, exit_code);
  ModelCommands model_commands;
  model_commands.add_bench(*bench_command, exit_code);
  model_commands.add(app, exit_code);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of write(), not a death
  try {
    const int exit_code = run(argc, argv);
    if (std::fflush(stdout) == 0) return exit_code;
    std::fprintf(stderr, "suan: standard output: could not write it: %s\n", std::strerror(errno));
    return 2;
  } catch (const suan::Error& error) {
    std::fprintf(stderr, "suan: %s\n", error.what());
    return error.code() == suan::ErrorCode::kCancelled ? 130 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "suan: %s\n", error.what());
    return 2;
  }
}
