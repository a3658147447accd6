// One program that gives the wanted values.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/run_batches.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/ops/op.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"

namespace suan::compress {
namespace {

constexpr int64_t kEnoughSamples = 128;

void check_finite(const Array& array, const std::string& name, size_t batch) {
  if (array.dtype != DType::f32) return;
  const auto values = array.span<float>();
  const auto bad =
      std::find_if(values.begin(), values.end(), [](float v) { return !std::isfinite(v); });
  if (bad == values.end()) return;
  fail(ErrorCode::kNumeric, "calibration", "batch {}: '{}' has {} at element {}", batch, name, *bad,
       bad - values.begin());
}

void check_batch(const Graph& graph, const Batch& batch, size_t index) {
  if (batch.size() != graph.inputs.size()) {
    fail("calibration", "batch {} has {} arrays, the model {} inputs", index, batch.size(),
         graph.inputs.size());
  }
  for (size_t i = 0; i < batch.size(); ++i) {
    const Type got(batch[i].dtype, batch[i].shape);
    const std::string& name = graph.inputs[i].node().label;
    if (!(got == graph.inputs[i].type())) {
      fail("calibration", "batch {}: '{}' is {}, expected {}", index, name, to_string(got),
           to_string(graph.inputs[i].type()));
    }
    check_finite(batch[i], name, index);
  }
}

}  // namespace

void for_each_batch(const Graph& graph, const std::vector<Tensor>& values,
                    std::span<const Batch> batches,
                    const std::function<void(const std::vector<Array>&)>& visit) {
  if (batches.empty()) fail("calibration", "there is no data, expected at least one batch");
  for (size_t i = 0; i < batches.size(); ++i) check_batch(graph, batches[i], i);
  Graph wanted{.inputs = graph.inputs};
  std::vector<std::ptrdiff_t> input_of;  // of values that are inputs; else -1
  for (const Tensor& value : values) {
    const auto found = std::find_if(graph.inputs.begin(), graph.inputs.end(),
                                    [&](const Tensor& t) { return t.same_as(value); });
    input_of.push_back(found == graph.inputs.end() ? -1 : found - graph.inputs.begin());
    if (input_of.back() < 0) wanted.outputs.push_back(value);
  }
  RunContext context(Program::build(wanted, current_backend()));
  for (const Batch& batch : batches) {
    std::vector<BufferPtr> blocks;
    for (const Array& array : batch) blocks.push_back(array.buffer);
    const std::span<const BufferPtr> results = context.run(blocks);
    std::vector<Array> arrays;
    size_t next = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const BufferPtr& block =
          input_of[i] < 0 ? results[next++] : blocks[static_cast<size_t>(input_of[i])];
      arrays.emplace_back(values[i].dtype(), values[i].shape(), block);
    }
    visit(arrays);
  }
}

int64_t sample_count(std::span<const Batch> batches) {
  int64_t count = 0;
  for (const Batch& batch : batches) {
    if (!batch.empty()) count += batch[0].shape.rank() > 0 ? batch[0].shape[0] : 1;
  }
  return count;
}

std::string too_few_samples(int64_t samples) {
  if (samples >= kEnoughSamples) return {};
  return fmt::format("calibrated with {} samples; ranges are reliable from {} on", samples,
                     kEnoughSamples);
}

void warn_of_few(std::span<const Batch> batches) {
  const std::string warning = too_few_samples(sample_count(batches));
  if (!warning.empty()) log(LogLevel::kWarning, "{}", warning);
}

}  // namespace suan::compress
