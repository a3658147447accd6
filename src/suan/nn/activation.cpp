// The table of activation functions.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/activation.h"

#include <string>

#include "suan/base/error.h"
#include "suan/ops/elementwise.h"

namespace suan::nn {

Activation activation(std::string_view name) {
  struct Row {
    std::string_view name;
    Activation function;
  };
  static constexpr Row kRows[] = {
      {"relu", relu},
      {"gelu", gelu},
      {"gelu_tanh", gelu_tanh},
      {"silu", silu},
      {"sigmoid", sigmoid},
      {"tanh", tanh},
      {"softplus", softplus},
      {"softsign", softsign},
      {"identity", [](const Tensor& x) { return x; }},
  };
  std::string names;
  for (const Row& row : kRows) {
    if (row.name == name) return row.function;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  fail("activation", "there is no '{}', expected one of {}", name, names);
}

}  // namespace suan::nn
