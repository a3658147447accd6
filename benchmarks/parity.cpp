// The Suan side of parity.py: trains a model from given weights on given batches with plain SGD and
// prints every loss.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <vector>

#include "suan/base/error.h"
#include "suan/formats/safetensors.h"
#include "suan/models/create.h"
#include "suan/nn/state_dict.h"
#include "suan/ops/cross_entropy.h"
#include "suan/optim/sgd.h"
#include "suan/tensor/compile.h"

namespace {

using namespace suan;

const Array& member(const formats::Safetensors& file, std::string_view name) {
  const Array* array = formats::find(file.tensors, name);
  if (!array) fail("parity", "the batches have no '{}'", name);
  return *array;
}

// Entry `index` of the first axis, copied.
Tensor entry(const Array& a, int64_t index) {
  Shape shape;
  for (int i = 1; i < a.shape.rank(); ++i) shape.push_back(a.shape[i]);
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(a.dtype);
  const auto* data = a.as<char>() + static_cast<size_t>(index) * bytes;
  return Tensor::from(Array(a.dtype, shape, Buffer::copy_of(data, bytes)));
}

void run(const std::string& name, const std::string& weights, const std::string& batches,
         double lr) {
  models::Config config;
  if (name == "resnet18") config = {{"stem", "cifar"}, {"classes", "10"}};
  const auto model = models::create(name, config);
  nn::load_state_dict(model->module(), formats::read_safetensors(weights).tensors);
  const auto parameters = model->module().parameters();
  optim::Sgd sgd(parameters, {.lr = lr});
  auto step = compile([&](const Tensor& x, const Tensor& y) {
    const Tensor loss = cross_entropy((*model)({x}), y);
    sgd.step(grad(loss, parameters));
    return loss;
  });
  const auto data = formats::read_safetensors(batches);
  const Array &x = member(data, "x"), &y = member(data, "y");
  for (int64_t i = 0; i < x.shape[0]; ++i) {
    fmt::print("{:.9g}\n", step(entry(x, i), entry(y, i)).item());
    std::fflush(stdout);
  }
}

}  // namespace

// parity MODEL WEIGHTS BATCHES LR
int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: parity MODEL WEIGHTS BATCHES LR (see parity.py)\n");
    return 2;
  }
  try {
    run(argv[1], argv[2], argv[3], std::stod(argv[4]));
  } catch (const std::exception& error) {
    fmt::print(stderr, "parity: {}\n", error.what());
    return 2;
  }
}
