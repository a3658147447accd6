// Kernels chosen by their order while it lives: what a test says of them holds on every machine.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/program/choice.h"

namespace suan {

class Reproducible {
 public:
  Reproducible() { set_reproducible_mode(true); }
  ~Reproducible() { set_reproducible_mode(false); }
  Reproducible(const Reproducible&) = delete;
  Reproducible& operator=(const Reproducible&) = delete;
};

}  // namespace suan
