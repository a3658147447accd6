// Mixed precision: arithmetic of 16 bits and less where ops gain from it, f32 master values
// everywhere else.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/base/arithmetic.h"
#include "suan/graph/graph.h"

namespace suan {

// The same computation in mixed precision: bf16 or f16 inputs for ops whose precision policy is
// `low` (products that need not be exact, convolutions, attention). Elementwise ops and moves work
// at the precision of their data: 16 bits where all their full-sized operands have them, else f32.
// Ops with policy `full` take 16-bit data as it is where their rule allows it. Norms write 16 bits
// where that is all that is wanted of them. States, inputs and results keep their types.
// Micikevicius et al., "Mixed precision training", 2018. With fp8 it is bf16, and products that say
// so (OpDef::in_fp8) take operands in FP8. f32 and tf32 change nothing.
Graph lower_precision(const Graph& graph, Arithmetic arithmetic);

// The same graph where ops that may (OpDef::in_tf32) are allowed to round f32 operands to TF32,
// unless they are to be exact.
Graph allow_tf32(const Graph& graph);

}  // namespace suan
