// `suan conformance`: runs ONNX test-data folders. Each test runs in a process of its own, so that
// a crash or a hang is one failure. SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/conformance.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <functional>

#include "apps/suan/commands.h"
#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/base/threads.h"
#include "suan/engine/engine_file.h"
#include "suan/program/choice.h"
#include "suan/tensor/compile.h"

namespace suan::app {
namespace {

namespace fs = std::filesystem;

// What the child wrote before its end, or that it took too long.
std::string read_until_end(int fd, int seconds, bool& timed_out) {
  std::string text;
  char block[4096];
  pollfd waiting{fd, POLLIN, 0};
  while (!(timed_out = poll(&waiting, 1, seconds * 1000) == 0)) {
    const ssize_t n = read(fd, block, sizeof(block));
    if (n <= 0) break;
    text.append(block, static_cast<size_t>(n));
  }
  return text;
}

// The outputs of an engine file that is written for these arguments and read again.
std::vector<onnx::Value> run_from_file(const std::shared_ptr<const onnx::Model>& model,
                                       const std::vector<onnx::Value>& arguments) {
  std::vector<std::vector<Type>> signatures(1);
  for (const onnx::Value& value : arguments) {
    if (value.tensor) signatures[0].push_back(value.tensor.type());
  }
  if (signatures[0].size() != arguments.size()) signatures.clear();  // the model alone
  const fs::path path =
      fs::temp_directory_path() / fmt::format("suan-conformance-{}.suan", getpid());
  write_engine_file(path, compile_engine_file(model, signatures));
  const EngineFile file = read_engine_file(path);
  fs::remove(path);
  return make_engine(file, path)->run(arguments);
}

// What `work` gives in a process of its own, or how that ended.
std::string in_child(const std::function<std::string()>& work, int timeout) {
  int ends[2];
  if (pipe(ends) != 0) fail(ErrorCode::kSystem, "conformance", "pipe: {}", std::strerror(errno));
  const pid_t child = fork();
  if (child < 0) fail(ErrorCode::kSystem, "conformance", "fork: {}", std::strerror(errno));
  if (child == 0) {
    close(ends[0]);
    const std::string reason = work();
    const ssize_t written = write(ends[1], reason.data(), reason.size());
    _exit(written == static_cast<ssize_t>(reason.size()) ? 0 : 1);
  }
  close(ends[1]);
  bool timed_out = false;
  std::string reason = read_until_end(ends[0], timeout, timed_out);
  close(ends[0]);
  if (timed_out) kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (timed_out) return fmt::format("took more than {} s", timeout);
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", strsignal(WTERMSIG(status)));
  if (status != 0) return fmt::format("ended with code {}", WEXITSTATUS(status));
  return reason;
}

// A driver's state does not outlive a fork: each process opens the device for itself.
void open_device(const ConformanceOptions& options) {
  if (!options.device.empty()) set_backend(options.device);
}

std::string run_test(const fs::path& test, const ConformanceOptions& options) {
  const auto runner = [&](const std::shared_ptr<const onnx::Model>& model) -> onnx::Runner {
    if (options.engine_file) {
      return [model](const auto& arguments) { return run_from_file(model, arguments); };
    }
    const auto engine =
        std::make_shared<Engine>(model, EngineOptions{.interpret = options.interpret});
    return [engine](const auto& arguments) { return engine->run(arguments); };
  };
  return in_child(
      [&] {
        open_device(options);
        return onnx::run_conformance_test(test, runner, {.unfused = options.unfused});
      },
      options.timeout);
}

using Failures = std::vector<std::pair<std::string, std::string>>;

// What became of the tests of one folder.
struct Suite {
  std::string folder;
  int passed = 0;
  Failures failures;
};

// Why a test cannot pass, by the start of its name and a part of it: what its data is, not what
// Suan lacks.
struct Cause {
  std::string_view name, text;
  std::string_view part = {};
};
constexpr Cause kCauses[] = {
    {"light_squeezenet", "its 1000 logits are equal numbers near 1e10: their last bits decide"},
    {"test_adam_multiple", "its numbers are for an epsilon that the model does not give"},
    {"test_attention", "expects every step rounded to 16 bits; ours adds up in f32", "_bf16"},
    {"test_attention", "expects every step rounded to 16 bits; ours adds up in f32", "_fp16"},
    {"test_bernoulli", "expects the numbers of NumPy's generator"},
    {"test_cast_FLOAT_to_BFLOAT16", "expects numbers that are cut off, not rounded"},
    {"test_castlike_BFLOAT16_to_FLOAT", "its data is not of the shape that the model declares"},
    {"test_castlike_FLOAT_to_BFLOAT16", "its data is not of the shape that the model declares"},
    {"test_dft_inverse", "expects rounding errors of f32 that are not made here"},
    {"test_training_dropout", "expects the numbers of NumPy's generator"},
};
std::string_view cause_of(std::string_view name) {
  for (const Cause& cause : kCauses) {
    const bool has_part = name.find(cause.part) != std::string_view::npos;
    if (name.starts_with(cause.name) && has_part) return cause.text;
  }
  return "";
}

std::string table_cell(std::string_view text) {
  std::string cell;
  for (char c : text) cell += c == '|' ? "\\|" : (c == '\n' ? " " : std::string(1, c));
  return cell;
}

// docs/onnx.md: what fails and why.
void write_page(const ConformanceOptions& options, const std::vector<Suite>& suites) {
  std::string page = fmt::format(
      "# ONNX conformance\n\nWritten by `suan conformance --page {} {}`. `tools/newest_onnx_suite` "
      "generates the suite of\nthe newest `onnx` on PyPI and runs the same.\n",
      options.page, fmt::join(options.folders, " "));
  for (const Suite& suite : suites) {
    const size_t total = static_cast<size_t>(suite.passed) + suite.failures.size();
    page += fmt::format("\n## {}\n\n{} of {} tests pass ({:.2f} %).\n", suite.folder, suite.passed,
                        total, 100.0 * suite.passed / static_cast<double>(total));
    if (!suite.failures.empty()) page += "\n| test | what it gives | why |\n|---|---|---|\n";
    for (const auto& [name, reason] : suite.failures) {
      page += fmt::format("| `{}` | {} | {} |\n", name, table_cell(reason), cause_of(name));
    }
  }
  write_file_atomically(options.page, page);
}

Suite run_suite(const std::string& folder, const ConformanceOptions& options) {
  Suite suite;
  suite.folder = folder;
  for (const fs::path& test : onnx::find_conformance_tests(folder)) {
    const std::string reason = run_test(test, options);
    if (reason.empty()) {
      ++suite.passed;
      continue;
    }
    const std::string name = test.filename().string();
    suite.failures.emplace_back(name, reason);
    fmt::print("FAILED  {}: {}\n", name, reason);
    std::fflush(stdout);
  }
  return suite;
}

}  // namespace

int run_conformance(const ConformanceOptions& options) {
  if (options.engine_file) refuse_unused(options, {"--interpret"}, "with --engine-file");
  const std::string why_not = in_child(
      [&] {
        try {
          open_device(options);
        } catch (const Error& error) {
          return std::string(error.what());
        }
        return std::string();
      },
      options.timeout);
  if (!why_not.empty()) fail(ErrorCode::kUnsupported, "--device", "{}", why_not);
  set_reproducible_mode(true);  // tests are too small to measure kernels on
  if (!options.threads) set_num_threads(1);
  int passed = 0;
  Failures failures;
  std::vector<Suite> suites;
  for (const std::string& folder : options.folders) {
    const Suite& suite = suites.emplace_back(run_suite(folder, options));
    passed += suite.passed;
    failures.insert(failures.end(), suite.failures.begin(), suite.failures.end());
  }
  fmt::print("{} passed, {} failed, 0 skipped\n", passed, failures.size());
  if (!options.page.empty()) write_page(options, suites);
  if (options.json) {
    formats::JsonRows rows;
    for (const auto& [name, reason] : failures)
      rows.push_back({{"name", name}, {"reason", reason}});
    fmt::print("{}\n", json_line({{"passed", int64_t{passed}},
                                  {"failed", static_cast<int64_t>(failures.size())},
                                  {"skipped", int64_t{0}},
                                  {"failures", rows}}));
  }
  return failures.empty() ? 0 : 1;
}

}  // namespace suan::app
