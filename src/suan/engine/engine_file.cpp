// Writing and reading engine files: sections of records, graphs as text with their constants
// beside.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/engine_file.h"

#include <charconv>
#include <fstream>

#include "suan/base/file.h"
#include "suan/engine/container.h"
#include "suan/engine/internal/constants.h"
#include "suan/engine/internal/values.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

using engine::ConstantReader;
using engine::ConstantWriter;
using engine::Reader;
using engine::Section;
using engine::Writer;

constexpr size_t at(Section section) { return static_cast<size_t>(section); }

std::string write_description(const EngineFile& file) {
  Writer out;
  out.text(SUAN_VERSION);
  out.text(file.machine);
  out.text(name(file.precision));
  out.flag(file.exact);
  out.flag(file.small_memory);
  out.count(file.without.size());
  for (const std::string& pass : file.without) out.text(pass);
  engine::write_arguments(out, file.inputs);
  engine::write_arguments(out, file.outputs);
  return out.take();
}

std::string write_graph(const Graph& graph, ConstantWriter& constants, const std::string& path) {
  constexpr size_t kShort = 64;  // bytes that stand in the text
  if (!graph.updates.empty()) {
    fail(ErrorCode::kUnsupported, path, "a graph with states has no place in an engine file");
  }
  return to_text(graph, [&](const Node& node) -> std::optional<std::string> {
    const Type& type = node.types[0];
    if (type.bytes() <= kShort && type.dtype != DType::string) return std::nullopt;
    return std::to_string(constants.add(type, node.values[0], true));
  });
}

std::string write_programs(const EngineFile& file, ConstantWriter& constants,
                           const std::string& path) {
  Writer out;
  out.count(file.programs.size());
  for (const EngineProgram& program : file.programs) {
    out.text(write_graph(program.graph, constants, path));
    engine::write_values(out, program.outputs);
  }
  return out.take();
}

std::string write_model(const EngineFile& file, ConstantWriter& constants) {
  Writer out;
  out.flag(file.model != nullptr);
  if (!file.model) return out.take();
  const onnx::ModelParts parts = file.model->parts();
  out.text(parts.structure);
  out.count(parts.initializers.size());
  for (const auto& [name, array] : parts.initializers) {
    out.text(name);
    out.count(constants.add(Type(array.dtype, array.shape), array.buffer, false));
  }
  return out.take();
}

Arithmetic read_arithmetic(Reader& reader) {
  const std::string_view text = reader.text("a precision");
  const auto arithmetic = parse_arithmetic(text);
  if (!arithmetic) bad_file(reader.where(), "there is no precision '{}'", text.substr(0, 60));
  return *arithmetic;
}

void read_description(Bytes section, std::string_view where, EngineFile& file) {
  Reader reader(section, where);
  reader.text("the version of the program that wrote it");
  file.machine = reader.text("the machine");
  file.precision = read_arithmetic(reader);
  file.exact = reader.flag("whether it is exact");
  file.small_memory = reader.flag("whether it takes little memory");
  for (uint32_t left = reader.count("the number of passes"); left > 0; --left) {
    file.without.emplace_back(reader.text("a pass"));
  }
  file.inputs = engine::read_arguments(reader);
  file.outputs = engine::read_arguments(reader);
  reader.expect_end("the description");
}

Graph parse_with(const ConstantReader& constants, std::string_view text, std::string_view where) {
  try {
    return parse_graph(text, [&](std::string_view reference, const Type& type) {
      const char *begin = reference.data(), *end = begin + reference.size();
      size_t index = 0;
      if (std::from_chars(begin, end, index).ptr != end) index = SIZE_MAX;
      const ConstantReader::Entry& entry = constants.at(index, "what a graph reads");
      if (!(entry.type == type)) {
        bad_file(where, "constant {} is {}, a graph reads {}", index, to_string(entry.type),
                 to_string(type));
      }
      return entry.value;
    });
  } catch (const Error& error) {
    if (error.where() == where) throw;
    throw Error(ErrorCode::kBadFile, where, error.what());
  }
}

Graph read_graph(std::string_view text, const ConstantReader& constants, std::string_view where,
                 const onnx::Limits& limits) {
  Graph graph = parse_with(constants, text, where);
  for (const NodePtr& node : graph.nodes()) {
    for (const Type& type : node->types) {
      if (type.bytes() > limits.value_bytes) {
        bad_file(where, "a value {} is larger than the limit of {} bytes", to_string(type),
                 limits.value_bytes);
      }
    }
  }
  return graph;
}

void read_programs(Bytes section, const ConstantReader& constants, std::string_view where,
                   const onnx::Limits& limits, EngineFile& file) {
  Reader reader(section, where);
  for (uint32_t left = reader.count("the number of programs"); left > 0; --left) {
    EngineProgram program;
    program.graph = read_graph(reader.text("a graph"), constants, where, limits);
    program.outputs = engine::read_values(reader, program.graph.outputs);
    const size_t takes = program.graph.inputs.size(), gives = program.outputs.size();
    if (takes != file.inputs.size() || gives != file.outputs.size()) {
      bad_file(where, "a program takes {} values and gives {}, the model {} and {}", takes, gives,
               file.inputs.size(), file.outputs.size());
    }
    file.programs.push_back(std::move(program));
  }
  reader.expect_end("the list of programs");
}

void read_model(Bytes section, const ConstantReader& constants, std::string_view where,
                const onnx::Limits& limits, EngineFile& file) {
  Reader reader(section, where);
  if (reader.flag("whether there is a model")) {
    onnx::ModelParts parts;
    parts.structure = reader.text("the model");
    for (uint32_t left = reader.count("the number of initializers"); left > 0; --left) {
      std::string name(reader.text("a name"));
      const auto& entry = constants.at(reader.count("a constant"), name);
      parts.initializers.push_back(
          {std::move(name), Array(entry.type.dtype, entry.type.shape, entry.value)});
    }
    file.model = onnx::Model::assemble(parts, std::string(where), limits);
  }
  reader.expect_end("the model");
}

}  // namespace

void write_engine_file(const std::string& path, const EngineFile& file) {
  ConstantWriter constants(file.packed);
  std::array<std::string, engine::kNumSections - 1> sections;
  sections[at(Section::description)] = write_description(file);
  sections[at(Section::programs)] = write_programs(file, constants, path);
  sections[at(Section::model)] = write_model(file, constants);
  sections[at(Section::kernels)] = file.kernels;
  sections[at(Section::constants)] = constants.table();
  AtomicFile out(path);
  out.write(engine::container_head(sections, constants.data_bytes()));
  constants.write_data(out);
  out.commit();
}

EngineFile parse_engine_file(const BufferPtr& owner, std::string_view where,
                             const onnx::Limits& limits) {
  const MemoryLimit memory(limits.memory, 0, std::string(where));
  const auto sections = engine::open_container({owner->as<uint8_t>(), owner->bytes()}, where);
  EngineFile file;
  read_description(sections[at(Section::description)], where, file);
  ConstantReader constants(sections[at(Section::constants)], sections[at(Section::data)], owner,
                           where);
  read_programs(sections[at(Section::programs)], constants, where, limits, file);
  read_model(sections[at(Section::model)], constants, where, limits, file);
  const Bytes kernels = sections[at(Section::kernels)];
  file.kernels.assign(kernels.begin(), kernels.end());
  file.packed = constants.take_packed();
  return file;
}

bool is_engine_file(const std::string& path) {
  std::array<char, engine::kMagic.size()> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  return start == engine::kMagic;
}

EngineFile read_engine_file(const std::string& path, const onnx::Limits& limits) {
  return parse_engine_file(map_file_read_only(path), path, limits);
}

}  // namespace suan
