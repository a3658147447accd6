// From a model to what an engine file holds.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/base/threads.h"
#include "suan/engine/engine_file.h"
#include "suan/passes/pass.h"
#include "suan/program/choice.h"
#include "suan/program/program.h"
#include "suan/target/machine.h"
#include "suan/tensor/compile.h"

namespace suan {
namespace {

bool is_open(const onnx::Argument& input) {
  return input.kind != TypeKind::tensor || !input.typed || !input.ranked ||
         !input.shape.is_concrete();
}

}  // namespace

std::string machine_key() {
  return fmt::format("{} ({}), {} threads", cpu_model(), isa_flags(), num_threads());
}

EngineFile compile_engine_file(const std::shared_ptr<const onnx::Model>& model,
                               std::span<const std::vector<Type>> signatures,
                               const ProgramOptions& options) {
  EngineFile file{.inputs = model->inputs(),
                  .outputs = model->outputs(),
                  .precision = options.precision,
                  .exact = exact_mode(),
                  .small_memory = options.small_memory,
                  .without = options.without};
  const bool open = std::any_of(file.inputs.begin(), file.inputs.end(), is_open);
  if (open || signatures.empty()) file.model = model;
  std::vector<ProgramPtr> programs;
  for (const std::vector<Type>& types : signatures) {
    try {
      const onnx::Specialised made = model->specialise(onnx::placeholders(types));
      programs.push_back(Program::build(made.graph, current_backend(),
                                        {.precision = options.precision,
                                         .memory_limit = model->limits().memory,
                                         .small_memory = options.small_memory,
                                         .without = options.without}));
      file.programs.push_back({without_layouts(programs.back()->graph()), made.outputs});
    } catch (const onnx::DataDependent&) {
      file.model = model;
    }
  }
  file.packed = storable_packs(programs);
  file.machine = machine_key();
  file.kernels = kernel_record();
  return file;
}

}  // namespace suan
