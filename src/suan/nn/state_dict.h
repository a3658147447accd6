// States of a module as named arrays, under PyTorch's state_dict names, and back.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/named_array.h"
#include "suan/nn/module.h"

namespace suan::nn {

// A copy of every state.
formats::NamedArrays state_dict(Module& module);

struct LoadOptions {
  // Every state needs an array and every array a state. Keys of random numbers may be missing:
  // files from elsewhere do not have them.
  bool strict = true;
};
// Replaces the states' values; floats and integers convert to the states' dtypes. Throws Error that
// names the first state or array that does not fit, and then has changed nothing.
void load_state_dict(Module& module, const formats::NamedArrays& arrays, LoadOptions options = {});

}  // namespace suan::nn
