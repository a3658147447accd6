// Any bytes as an engine file: read, and its programs and its model run, or an Error. An ONNX model
// is compiled into one first, so that models are the seeds. What changes within a file that holds
// together gets its checksums anew.
// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>

#include "suan/base/file.h"
#include "suan/engine/container.h"
#include "suan/engine/engine_file.h"
#include "suan/tensor/compile.h"
#include "tests/fuzz/made_up.h"
#include "tests/fuzz/mutate_model.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

using engine::Section;
using fuzz::kLimits;

constexpr size_t at(Section section) { return static_cast<size_t>(section); }

void run(const EngineFile& file) {
  EngineOptions options;
  options.background = false;
  options.limits = kLimits;
  for (const EngineProgram& program : file.programs) {
    if (!fuzz::is_small(program.graph)) return;
  }
  const auto engine = make_engine(file, "fuzz", options);
  Random random(file.programs.size());
  for (const EngineProgram& program : file.programs) {
    try {
      std::vector<onnx::Value> arguments;
      for (const Tensor& input : program.graph.inputs) {
        arguments.emplace_back(Tensor::from(fuzz::made_up(input.dtype(), input.shape(), random)));
      }
      engine->run(arguments);
    } catch (const Error&) {}
  }
  if (file.model) file.model->interpret(fuzz::made_up(file.inputs, file.inputs.size()));
}

EngineFile read(std::string_view bytes) {
  return parse_engine_file(Buffer::copy_of(bytes.data(), bytes.size()), "fuzz", kLimits);
}

bool is_engine(std::string_view bytes) {
  return bytes.starts_with(std::string_view(engine::kMagic.data(), engine::kMagic.size()));
}

// The engine file of an ONNX model.
std::string compiled(std::string_view bytes) {
  const auto model = onnx::Model::parse(bytes, "fuzz", kLimits);
  const std::vector<onnx::Value> arguments = fuzz::made_up(model->inputs(), bytes.size());
  std::vector<std::vector<Type>> signatures(1);
  for (const onnx::Value& value : arguments) {
    if (value.kind != TypeKind::tensor) signatures.clear();
    if (!signatures.empty()) signatures[0].push_back(value.tensor.type());
  }
  try {
    if (!fuzz::is_small(model->specialise(arguments).graph)) signatures.clear();
  } catch (const Error&) {
    signatures.clear();
  }
  static const TempFolder folder(true);
  const std::string path = folder / "model.suan";
  write_engine_file(path, compile_engine_file(model, signatures));
  return read_file(path);
}

// The same, which is kept: each seed is compiled for its run and for every change of it.
const std::string& compiled_once(std::string_view bytes) {
  constexpr size_t kMost = 2000;
  static std::unordered_map<std::string, std::string> files;
  const auto known = files.find(std::string(bytes));
  if (known != files.end()) return known->second;
  if (files.size() >= kMost) files.clear();
  return files[std::string(bytes)] = compiled(bytes);
}

// An engine file taken apart, changed and put together again.
class EngineMutator {
 public:
  EngineMutator(std::string_view file, unsigned seed) : random_(seed) {
    const Bytes bytes{reinterpret_cast<const uint8_t*>(file.data()), file.size()};
    const auto sections = engine::open_container(bytes, "fuzz");
    for (size_t i = 0; i < sections.size(); ++i) {
      parts_[i].assign(sections[i].begin(), sections[i].end());
    }
  }

  std::string mutate() {
    constexpr size_t kCount = 4, kFlag = 1;  // what stands before the first text of a section
    switch (pick(8)) {
      case 0:
        change_bytes(parts_[pick(parts_.size())]);
        break;
      case 1:
      case 2:
        change_text(parts_[at(Section::model)], kFlag, [&](std::string& text) {
          ::onnx::ModelProto model;
          if (!model.ParseFromString(text)) return;
          fuzz::ModelMutator(model, static_cast<unsigned>(random_())).mutate();
          text = model.SerializeAsString();
        });
        break;
      case 3:
        change_bytes(parts_[at(Section::constants)]);
        break;
      case 4:
        change_bytes(parts_[at(Section::data)]);
        break;
      default:
        change_text(parts_[at(Section::programs)], kCount,
                    [&](std::string& text) { change_graph(text); });
    }
    return assemble();
  }

 private:
  size_t pick(size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random_); }

  static void change_bytes(std::string& bytes) {
    constexpr size_t kGrowth = 16;
    const size_t size = bytes.size();
    bytes.resize(size + kGrowth);
    bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes.data()), size, bytes.size()));
  }

  // Changes the text that stands in a section behind these many bytes and its length.
  template <class Change>
  static void change_text(std::string& section, size_t before, Change change) {
    uint64_t length = 0;
    if (section.size() < before + sizeof(length)) return;
    std::memcpy(&length, section.data() + before, sizeof(length));
    const size_t start = before + sizeof(length);
    if (length > section.size() - start) return;
    std::string text = section.substr(start, length);
    change(text);
    const uint64_t size = text.size();
    section.replace(start, length, text);
    std::memcpy(section.data() + before, &size, sizeof(size));
  }

  // One word of the text becomes another one of the text or a number; or a line goes or doubles.
  void change_graph(std::string& text) {
    if (text.empty()) return;
    if (pick(6) == 0) {
      const size_t from = text.rfind('\n', pick(text.size()));
      const size_t begin = from == std::string::npos ? 0 : from + 1;
      const size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
      const std::string line = text.substr(begin, end - begin);
      if (pick(2))
        text.insert(begin, line);
      else
        text.erase(begin, end - begin);
      return;
    }
    const auto [begin, end] = word(text);
    if (pick(3) == 0) {
      static constexpr std::string_view kNumbers[] = {
          "0", "1", "-1", "2", "3", "7", "64", "1000", "4294967296", "9223372036854775807", "1e30"};
      text.replace(begin, end - begin, kNumbers[pick(std::size(kNumbers))]);
    } else {
      const auto [other, other_end] = word(text);
      text.replace(begin, end - begin, text.substr(other, other_end - other));
    }
  }

  std::pair<size_t, size_t> word(const std::string& text) {
    const auto in_word = [&](size_t i) {
      const auto c = static_cast<unsigned char>(text[i]);
      return std::isalnum(c) || c == '_' || c == '%' || c == '-';
    };
    size_t begin = pick(text.size());
    while (begin > 0 && in_word(begin - 1)) --begin;
    size_t end = begin;
    while (end < text.size() && in_word(end)) ++end;
    return {begin, end};
  }

  // Checksums of constants as the table places them.
  void seal_constants() {
    std::string& table = parts_[at(Section::constants)];
    const std::string& data = parts_[at(Section::data)];
    engine::Reader reader({reinterpret_cast<const uint8_t*>(table.data()), table.size()}, "fuzz");
    engine::Writer sealed;
    const uint32_t count = reader.count("");
    sealed.count(count);
    for (uint32_t i = 0; i < count; ++i) {
      for (int text = 0; text < 3; ++text) sealed.text(reader.text(""));
      const auto offset = reader.number<uint64_t>(""), bytes = reader.number<uint64_t>("");
      reader.number<uint64_t>("");
      const bool inside = offset <= data.size() && bytes <= data.size() - offset;
      sealed.number(offset), sealed.number(bytes);
      sealed.number(inside ? engine::checksum(data.data() + offset, bytes) : 0);
    }
    reader.expect_end("");
    table = sealed.take();
  }

  std::string assemble() {
    try {
      seal_constants();
    } catch (const Error&) {}
    std::array<std::string, engine::kNumSections - 1> sections;
    std::copy_n(parts_.begin(), sections.size(), sections.begin());
    const std::string& data = parts_[at(Section::data)];
    return engine::container_head(sections, data.size()) + data;
  }

  std::array<std::string, engine::kNumSections> parts_;
  std::mt19937 random_;
};

}  // namespace
}  // namespace suan

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = suan::fuzz::text_of(data, size);
  try {
    suan::run(suan::read(suan::is_engine(bytes) ? bytes : suan::compiled_once(bytes)));
  } catch (const suan::Error&) {}
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  constexpr unsigned kRaw = 16;  // one in so many changes is one of bytes
  const std::string_view bytes = suan::fuzz::text_of(data, size);
  if (seed % kRaw == 0) return LLVMFuzzerMutate(data, size, most);
  try {
    const std::string file = suan::is_engine(bytes) ? suan::EngineMutator(bytes, seed).mutate()
                                                    : suan::compiled_once(bytes);
    if (file.size() > most) return size;
    std::copy(file.begin(), file.end(), data);
    return file.size();
  } catch (const suan::Error&) {
    return LLVMFuzzerMutate(data, size, most);
  }
}
