// Packed constants, shared by all programs that want the same constant in the same form.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <vector>

#include "suan/backend/kernel.h"
#include "suan/base/buffer.h"

namespace suan {

class Program;

// The constant packed for input `input` of the call. The block lives as long as somebody holds it.
BufferPtr packed_constant(const BufferPtr& constant, const Call& call, int input, size_t bytes);

// A constant and its packed block, in the form that a call names.
struct PackedConstant {
  BufferPtr constant;
  std::string form;
  BufferPtr packed;
};
// Makes a packed block known, to be taken by calls that want this form, for as long as it lives.
void offer_pack(const PackedConstant& pack);

// The packed constants of these programs that can stand for the plain ones: read in one form only,
// a permutation with little padding. What Winograd makes of weights is far larger than they are.
std::vector<PackedConstant> storable_packs(
    std::span<const std::shared_ptr<const Program>> programs);

}  // namespace suan
