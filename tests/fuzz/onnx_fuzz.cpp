// Any bytes as an ONNX model: followed on made-up arguments in both ways, compiled and run, or an
// Error. Models that name another file, and some of the rest, are loaded from one, with weights
// beside it. What libFuzzer changes in a model that parses is chosen by ModelMutator.
// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include "suan/base/error.h"
#include "suan/formats/onnx/model.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/fuzz/made_up.h"
#include "tests/fuzz/mutate_model.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

using fuzz::kLimits;

// What a model may find around it: ModelMutator knows the names.
class Surroundings {
 public:
  Surroundings() {
    std::string weights;
    for (int64_t word = 0; word < 512; ++word) {  // small whole numbers, then ones
      const int64_t value = word < 256 ? word % 4 : 0x3f8000003f800000;
      weights.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    folder_.file("weights", weights);
    folder_.file("sub/weights", weights);
    std::filesystem::create_symlink("weights", folder_ / "link");
  }
  std::shared_ptr<const onnx::Model> load(std::string_view bytes) const {
    const std::string path = folder_ / "model";
    std::ofstream(path, std::ios::binary) << bytes;
    return onnx::Model::load(path, kLimits);
  }

 private:
  TempFolder folder_{true};
};

std::shared_ptr<const onnx::Model> read(std::string_view bytes) {
  static const Surroundings surroundings;
  constexpr size_t kLoaded = 8;  // one in so many sizes
  const bool load = bytes.size() % kLoaded == 0 || bytes.find("location") != bytes.npos;
  return load ? surroundings.load(bytes) : onnx::Model::parse(bytes, "fuzz", kLimits);
}

void run(const onnx::Model& model, const std::vector<onnx::Value>& arguments) {
  try {
    model.interpret(arguments);
  } catch (const Error&) {}
  const onnx::Specialised specialised = model.specialise(arguments);
  if (!fuzz::is_small(specialised.graph)) return;
  RunContext context(
      Program::build(specialised.graph, current_backend(), {.memory_limit = kLimits.memory}));
  context.run(blocks_of(arguments));
}

// Not all that parses fits again.
size_t store(const ::onnx::ModelProto& model, uint8_t* to, size_t most) {
  return model.ByteSizeLong() <= most && model.SerializeToArray(to, static_cast<int>(most))
             ? model.ByteSizeLong()
             : 0;
}

}  // namespace
}  // namespace suan

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto model = suan::read(suan::fuzz::text_of(data, size));
    suan::run(*model, suan::fuzz::made_up(model->inputs(), size));
  } catch (const suan::Error&) {}
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  ::onnx::ModelProto model;
  constexpr unsigned kRaw = 16;  // one in so many changes is one of bytes
  if (seed % kRaw == 0 || !model.ParseFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, most);
  suan::fuzz::ModelMutator mutator(model, seed);
  for (unsigned i = 0; i <= seed / kRaw % 4; ++i) mutator.mutate();
  const size_t done = suan::store(model, data, most);
  return done ? done : size;
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* a, size_t a_size, const uint8_t* b,
                                            size_t b_size, uint8_t* out, size_t most,
                                            unsigned seed) {
  ::onnx::ModelProto model, other;
  if (!model.ParseFromArray(a, static_cast<int>(a_size)) ||
      !other.ParseFromArray(b, static_cast<int>(b_size)))
    return 0;
  suan::fuzz::ModelMutator(model, seed).join(other);
  return suan::store(model, out, most);
}
