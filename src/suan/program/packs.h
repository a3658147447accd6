// Packed constants, shared by all programs that want the same constant in the same form.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"
#include "suan/base/buffer.h"

namespace suan {

// The constant packed for input `input` of the call. The block lives as long as somebody holds it.
BufferPtr packed_constant(const BufferPtr& constant, const Call& call, int input, size_t bytes);

}  // namespace suan
