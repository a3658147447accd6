// Engine files of models, for `suan compile` and `suan convert`.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "apps/suan/commands.h"
#include "suan/engine/engine_file.h"

namespace suan::app {

// Compiles the model for the sizes that the options give and writes `options.output`. Sizes that
// nothing gives are 1.
EngineFile compile_to_file(const std::shared_ptr<const onnx::Model>& model,
                           const CompileCommandOptions& options);

}  // namespace suan::app
