// Kernel choice: measured once, recorded, and made again from the record.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/choice.h"

#include <gtest/gtest.h>

#include "suan/graph/pending.h"
#include "suan/ops/conv.h"
#include "suan/ops/matmul.h"
#include "suan/program/explain.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"
#include "tests/expect_error.h"
#include "tests/reproducible.h"

namespace suan {
namespace {

// A product that two kernels take, of a size that no other test uses.
ProgramPtr product(int64_t rows) {
  const PauseTracking pause;
  Graph g;
  g.inputs = {make_input(Type(DType::f32, {rows, 160}), "a"),
              make_input(Type(DType::f32, {160, 160}), "b")};
  g.outputs = {matmul(g.inputs[0], g.inputs[1])};
  return Program::build(g, cpu_backend());
}
std::string kernel_of(const Program& program) { return program.plan().steps[0].kernel->name; }
std::string other_than(const std::string& kernel) {
  return kernel == "dnnl_sgemm" ? "dnnl_matmul" : "dnnl_sgemm";
}
// The record's line about products of so many rows.
std::string record_line(int64_t rows) {
  const std::string record = kernel_record();
  const size_t at = record.find(fmt::format("f32[{}, 160] f32[160, 160]", rows));
  if (at == std::string::npos) return "";
  const size_t start = record.rfind('\n', at) + 1;
  return record.substr(start, record.find('\n', at) + 1 - start);
}

TEST(KernelChoice, IsMeasuredOnceAndRecorded) {
  const auto program = product(161);
  const std::string line = record_line(161);
  EXPECT_TRUE(line.ends_with('\t' + kernel_of(*program) + '\n')) << line;
  const auto times = measured_times(cpu_backend(), *program->plan().steps[0].node);
  ASSERT_EQ(times.size(), 2u);
  EXPECT_EQ(times[0].kernel, kernel_of(*program));
  EXPECT_EQ(times[1].kernel, other_than(kernel_of(*program)));
  EXPECT_GT(times[0].seconds, 0);
  EXPECT_EQ(kernel_of(*product(161)), kernel_of(*program));
}

TEST(KernelChoice, OfARecordIsMadeAgain) {
  const std::string measured = kernel_of(*product(162)), other = other_than(measured);
  std::string line = record_line(162);
  line.replace(line.find('\t') + 1, measured.size(), other);
  load_kernel_record(line, "kernels.txt");
  EXPECT_EQ(kernel_of(*product(162)), other);
}

TEST(KernelChoice, OfARecordThatNamesNoKernelOfTheNodeIsMadeAnew) {
  product(163);
  std::string line = record_line(163);
  load_kernel_record(line.substr(0, line.find('\t') + 1) + "of_another_machine\n", "kernels.txt");
  const std::string kernel = kernel_of(*product(163));
  EXPECT_TRUE(kernel == "dnnl_sgemm" || kernel == "dnnl_matmul") << kernel;
}

TEST(KernelChoice, IsThatOfTheTableInReproducibleMode) {
  const Reproducible kernels;
  const auto program = product(164);
  EXPECT_EQ(kernel_of(*program), "dnnl_matmul");  // the other is mostly slower for this shape
  EXPECT_TRUE(measured_times(cpu_backend(), *program->plan().steps[0].node).empty());
}

// Winograd's transform takes several times the memory of what it works on.
TEST(KernelChoice, SpendsNoMemoryWhereItIsSmall) {
  const PauseTracking pause;
  const Array weights(DType::f32, {64, 64, 3, 3});
  for (float& w : weights.span<float>()) w = 0.1f;
  const Tensor w = Tensor::from(weights);
  Graph g;
  g.inputs = {make_input(Type(DType::f32, {1, 64, 56, 56}), "x")};
  const Tensor y = conv(g.inputs[0], w, {}, {.pad_begin = {1, 1}, .pad_end = {1, 1}});
  g.outputs = {conv(y, w, {}, {.pad_begin = {1, 1}, .pad_end = {1, 1}})};
  const Reproducible in_order;
  const auto build = [&](bool small) {
    return Program::build(g, cpu_backend(), {.small_memory = small});
  };
  const auto arena = [&](bool small) { return measure_size(*build(small)).arena_bytes; };
  const size_t value = 4 * 64 * 56 * 56;
  EXPECT_LE(arena(true), 3 * value);
  const auto kernels = [&](bool small) {
    const ProgramPtr program = build(small);
    std::string names;
    for (const PlannedStep& step : program->plan().steps) names += step.kernel->name;
    return names;
  };
  if (isa_flags().find("avx512f") != std::string::npos) {
    EXPECT_GT(arena(false), arena(true));
    EXPECT_NE(kernels(false).find("winograd"), std::string::npos);
    EXPECT_EQ(kernels(true).find("winograd"), std::string::npos);
  }
}

TEST(KernelChoice, IsExplainedByTheMeasuredTimes) {
  const std::string text = explain(*product(165), true);
  EXPECT_NE(text.find(" measured"), std::string::npos) << text;
}

TEST(KernelChoice, RefusesARecordThatIsNone) {
  EXPECT_ERROR(load_kernel_record("cpu matmul\tdnnl_matmul\nno tab", "run/kernels.txt"), kBadFile,
               "run/kernels.txt:2: got 'no tab', expected a node, a tab and a kernel");
}

}  // namespace
}  // namespace suan
