// Engines from files.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/engine/engine.h"
#include "suan/engine/engine_file.h"
#include "suan/program/choice.h"
#include "suan/tensor/compile.h"

namespace suan {
namespace {

void take_kernels(const EngineFile& file, const std::string& where) {
  const std::string here = machine_key();
  if (file.machine == here) {
    load_kernel_record(file.kernels, where);
  } else {
    log(LogLevel::kWarning, "{}: its kernels were chosen on '{}', are chosen again on '{}'", where,
        file.machine, here);
  }
}

}  // namespace

std::unique_ptr<Engine> make_engine(const EngineFile& file, const std::string& where,
                                    EngineOptions options) {
  if (file.exact && !exact_mode()) {
    fail(where, "was compiled in exact mode, expected to run in it too (--exact)");
  }
  const bool other_passes = !options.without.empty();
  if (!file.model && (options.interpret || !options.pad.empty() || other_passes)) {
    fail(where, "holds programs alone, without the model to {} it",
         options.interpret ? "interpret"
         : other_passes    ? "compile"
                           : "pad");
  }
  options.precision = file.precision;
  options.small_memory = options.small_memory || file.small_memory;
  options.without.insert(options.without.end(), file.without.begin(), file.without.end());
  options.programs = std::max(options.programs, file.programs.size());
  const bool interpret = options.interpret;
  const ProgramOptions planning = options.program();
  auto engine = file.model
                    ? std::make_unique<Engine>(file.model, std::move(options))
                    : std::make_unique<Engine>(file.inputs, file.outputs, std::move(options));
  if (interpret || other_passes) return engine;
  take_kernels(file, where);
  for (const PackedConstant& pack : file.packed) offer_pack(pack);
  for (const EngineProgram& program : file.programs) {
    std::vector<Type> types;
    for (const Tensor& input : program.graph.inputs) types.push_back(input.type());
    engine->add(std::move(types), program.outputs,
                Program::from_optimised(program.graph, current_backend(), planning));
  }
  return engine;
}

std::unique_ptr<Engine> Engine::load(const std::string& path, EngineOptions options) {
  if (is_engine_file(path)) {
    const EngineFile file = read_engine_file(path, options.limits);
    return make_engine(file, path, std::move(options));
  }
  const auto model = onnx::Model::load(path, options.limits);
  return std::make_unique<Engine>(model, std::move(options));
}

}  // namespace suan
