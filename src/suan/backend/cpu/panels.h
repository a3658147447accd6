// Products and convolutions with constant f32 or bf16 weights by gemm.h: a convolution is a product
// whose rows are gathered from the places of its kernel. What follows is done to each piece of the
// result while it is in the caches. SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

// matmul, conv (two spatial axes, no groups, data in blocks of channels or channels last), and
// regions of elementwise rows after one.
const char* panel_why_not(const Node& node);
// The same for a convolution that reads padding: its input is copied with the padding written out.
const char* padded_panel_why_not(const Node& node);
std::unique_ptr<Call> make_panel_call(const Node& node);

}  // namespace suan::cpu
