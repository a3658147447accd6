// The engine file `.suan`: programs of a model after the passes, their weights as kernels read
// them, and the model itself where it can run on other shapes. Data only; docs/engine_file.md says
// how it is laid out. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/engine/engine.h"
#include "suan/formats/onnx/model.h"
#include "suan/program/packs.h"

namespace suan {

// What was compiled for arguments that are tensors of some types.
struct EngineProgram {
  Graph graph;  // after the passes, in plain layouts: for Program::from_optimised
  std::vector<onnx::Value> outputs;  // of the model; their tensors are graph.outputs, in order
};

struct EngineFile {
  std::vector<onnx::Argument> inputs, outputs;
  Arithmetic precision = Arithmetic::f32;
  bool exact = false;
  bool small_memory = false;         // as in ProgramOptions
  std::vector<std::string> without;  // passes that were left out
  std::vector<EngineProgram> programs;
  std::shared_ptr<const onnx::Model> model;  // null: these programs are all there is
  std::string machine;                       // that the kernels were chosen on: machine_key()
  std::string kernels;                       // the choices: kernel_record()
  // Constants that are stored packed. Of a file that was read, their plain data is made when
  // somebody wants it.
  std::vector<PackedConstant> packed;
};

// The processor, its vector instructions and the number of threads.
std::string machine_key();

// Compiles the model for each of these lists of argument types. There are no programs of a model
// whose graph depends on data. The model itself stays where it can run on other types. The file
// keeps the options, but for `memory_budget`, which is not used.
EngineFile compile_engine_file(const std::shared_ptr<const onnx::Model>& model,
                               std::span<const std::vector<Type>> signatures,
                               const ProgramOptions& options = {});

// Writes it whole or not at all. Throws Error(kUnsupported) for graphs with states.
void write_engine_file(const std::string& path, const EngineFile& file);

// Reads it without copying weights: they lie in the mapped file, whose pages all processes share.
// Everything is checked: a file that was changed, cut or made up gives Error(kBadFile).
// No value of its graphs may be larger than the limits say.
EngineFile read_engine_file(const std::string& path, const onnx::Limits& limits = {});
// The same from memory, which must be 64-byte aligned; the weights keep `owner` alive.
EngineFile parse_engine_file(const BufferPtr& owner, std::string_view where,
                             const onnx::Limits& limits = {});
// Whether a file begins as an engine file does.
bool is_engine_file(const std::string& path);

// An engine that begins with the programs of the file; `where` names it in messages. Precision is
// the file's, and what it was compiled without or with little memory stays so. Passes to leave out
// beside those make it begin with the model alone. Where the machine is another one, kernels are
// chosen again and a warning says so.
std::unique_ptr<Engine> make_engine(const EngineFile& file, const std::string& where,
                                    EngineOptions options = {});

}  // namespace suan
