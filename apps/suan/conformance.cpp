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

#include "apps/suan/commands.h"
#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/base/threads.h"
#include "suan/program/choice.h"

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

std::string run_in_child(const fs::path& test, const ConformanceOptions& options) {
  int ends[2];
  if (pipe(ends) != 0) fail(ErrorCode::kSystem, "conformance", "pipe: {}", std::strerror(errno));
  const pid_t child = fork();
  if (child < 0) fail(ErrorCode::kSystem, "conformance", "fork: {}", std::strerror(errno));
  if (child == 0) {
    close(ends[0]);
    const std::string reason = onnx::run_conformance_test(
        test, {.interpret = options.interpret, .unfused = options.unfused});
    const ssize_t written = write(ends[1], reason.data(), reason.size());
    _exit(written == static_cast<ssize_t>(reason.size()) ? 0 : 1);
  }
  close(ends[1]);
  bool timed_out = false;
  std::string reason = read_until_end(ends[0], options.timeout, timed_out);
  close(ends[0]);
  if (timed_out) kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (timed_out) return fmt::format("took more than {} s", options.timeout);
  if (WIFSIGNALED(status)) return fmt::format("crashed: {}", strsignal(WTERMSIG(status)));
  if (status != 0) return fmt::format("ended with code {}", WEXITSTATUS(status));
  return reason;
}

using Failures = std::vector<std::pair<std::string, std::string>>;

// docs/onnx.md: what fails and why.
void write_page(const std::string& path, const ConformanceOptions& options, int passed,
                const Failures& failures) {
  const size_t total = static_cast<size_t>(passed) + failures.size();
  std::string page = fmt::format(
      "# ONNX conformance\n\nWritten by `suan conformance --page {} {}`: {} of {} tests pass "
      "({:.1f} %).\n",
      path, fmt::join(options.folders, " "), passed, total,
      100.0 * passed / static_cast<double>(total));
  if (!failures.empty()) page += "\n| test | why it fails |\n|---|---|\n";
  for (const auto& [name, reason] : failures) {
    std::string cell;
    for (char c : reason) cell += c == '|' ? "\\|" : (c == '\n' ? " " : std::string(1, c));
    page += fmt::format("| `{}` | {} |\n", name, cell);
  }
  write_file_atomically(path, page);
}

}  // namespace

int run_conformance(const ConformanceOptions& options) {
  const std::vector<fs::path> roots(options.folders.begin(), options.folders.end());
  set_reproducible_mode(true);  // tests are too small to measure kernels on
  if (!options.threads) set_num_threads(1);
  int passed = 0;
  Failures failures;
  for (const fs::path& test : onnx::find_conformance_tests(roots)) {
    const std::string reason = run_in_child(test, options);
    if (reason.empty()) {
      ++passed;
      continue;
    }
    const std::string name = test.filename().string();
    failures.emplace_back(name, reason);
    fmt::print("FAILED  {}: {}\n", name, reason);
    std::fflush(stdout);
  }
  fmt::print("{} passed, {} failed, 0 skipped\n", passed, failures.size());
  if (!options.page.empty()) write_page(options.page, options, passed, failures);
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
