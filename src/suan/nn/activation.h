// Activation functions by name, for recipes and model configurations.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "suan/graph/tensor.h"

namespace suan::nn {

using Activation = Tensor (*)(const Tensor&);

// relu, gelu, gelu_tanh, silu, sigmoid, tanh, softplus, softsign or identity. Throws Error that
// lists them for another name.
Activation activation(std::string_view name);

}  // namespace suan::nn
