// Runs the text files of this folder. Each holds parts `pass NAME`, a graph, `gives`, a graph: the
// pass, for the target below, turns the first into exactly the second. `pass recompute BYTES` is
// recomputation with that budget.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "suan/backend/evaluate.h"
#include "suan/base/error.h"
#include "suan/ops/op.h"
#include "suan/passes/pass.h"
#include "suan/passes/recompute.h"
#include "tests/source_dir.h"

namespace suan {
namespace {

// A target of these tests' own: it fuses all elementwise ops and has a kernel for nothing else.
bool fuses(const Node& node) { return node.op->row != nullptr; }
const char* why_not(const Node& node) { return node.op->decompose ? "no kernel" : nullptr; }
// A product may have one node after it; before tanh its value, or its sum with a bias, is kept.
bool fuses_tail(const Node& /*anchor*/, const Graph& region) {
  int nodes = 0;
  for (const NodePtr& node : region.nodes()) nodes += !node->inputs.empty();
  const bool keeps = is(region.outputs.back().node(), Op::tanh);
  return keeps ? region.outputs.size() == 2 && nodes <= 3
               : region.outputs.size() == 1 && nodes == 2;
}
// A convolution wants its image and its result channels last; elementwise nodes take any layout.
void choose_layouts(const Node& node, NodeLayouts& layouts) {
  const auto& current = layouts.current;
  if (is(node, Op::conv)) {
    layouts.inputs[0] = layouts.outputs[0] = Layout::channels_last;
  } else if (fuses(node) && std::count(current.begin(), current.end(), current[0]) ==
                                static_cast<std::ptrdiff_t>(current.size())) {
    layouts.inputs = current;
    layouts.outputs[0] = current[0];
  }
}
constexpr Target kTarget{
    .name = "test",
    .why_not = why_not,
    .fuses = fuses,
    .fuses_tail = fuses_tail,
    .begins_tail = [](const Node& node) { return is(node, Op::matmul); },
    .evaluate = [](const Tensor& t) { return evaluate(t, reference_backend()).buffer; },
    .choose_layouts = choose_layouts};

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \n"), last = text.find_last_not_of(" \n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

Graph run_pass(const std::string& name, const Graph& graph) {
  constexpr std::string_view kRecompute = "recompute ";
  if (name.starts_with(kRecompute)) {
    return recompute(graph, {.budget = std::stoul(name.substr(kRecompute.size()))}).graph;
  }
  for (const Pass& pass : standard_passes()) {
    if (name == pass.name) return pass.run(graph, kTarget);
  }
  fail("passes", "there is no pass '{}'", name);
}

void run_part(const std::string& part) {
  const size_t line = part.find('\n'), gives = part.find("\ngives\n");
  ASSERT_NE(gives, std::string::npos) << "no line `gives` after: " << part.substr(0, line);
  const std::string name = trimmed(part.substr(0, line));
  // The graph ends with a brace at the start of a line; a remark on the next part may follow.
  const std::string want = trimmed(part.substr(gives + 7, part.find("\n}", gives) - gives - 5));
  const Graph out = run_pass(name, parse_graph(part.substr(line, gives - line)));
  verify(out);
  EXPECT_EQ(trimmed(to_text(out)), want);
}

class PassText : public testing::TestWithParam<std::string> {};

TEST_P(PassText, GivesTheGraphsWrittenDown) {
  std::ifstream file(source_dir() + "/tests/passes/" + GetParam() + ".txt");
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = "\n" + content.str();
  int parts = 0;
  for (size_t at = text.find("\npass "); at != std::string::npos; ++parts) {
    const size_t next = text.find("\npass ", at + 1);
    const std::string part = text.substr(at + 6, next - at - 6);
    SCOPED_TRACE(part.substr(0, part.find("gives")));
    try {
      run_part(part);
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
    at = next;
  }
  EXPECT_GT(parts, 0);
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir() + "/tests/passes")) {
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  return names;
}
INSTANTIATE_TEST_SUITE_P(Files, PassText, testing::ValuesIn(files()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace suan
