// Any bytes as an ONNX model: followed on made-up arguments in both ways, compiled and run, or an
// Error. What libFuzzer changes in a model that parses is chosen by ModelMutator.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/formats/onnx/model.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/fuzz/made_up.h"
#include "tests/fuzz/mutate_model.h"

namespace suan {
namespace {

void run(const onnx::Model& model, const std::vector<onnx::Value>& arguments) {
  try {
    model.interpret(arguments);
  } catch (const Error&) {}
  const onnx::Specialised specialised = model.specialise(arguments);
  if (!fuzz::is_small(specialised.graph)) return;
  RunContext context(Program::build(specialised.graph, current_backend()));
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
    const auto model =
        suan::onnx::Model::parse(suan::fuzz::text_of(data, size), "fuzz", suan::fuzz::kLimits);
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
