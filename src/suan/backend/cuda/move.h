// Ops that only move elements: one strided copy for each input, and padding.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/cuda/source.h"
#include "suan/backend/kernel.h"

namespace suan::cuda {

const char* reorder_why_not(const Node& node);
const char* fill_why_not(const Node& node);  // of ops that write a number

std::unique_ptr<Call> make_transpose_call(const Node& node);
std::unique_ptr<Call> make_broadcast_call(const Node& node);
std::unique_ptr<Call> make_slice_call(const Node& node);
std::unique_ptr<Call> make_concat_call(const Node& node);
std::unique_ptr<Call> make_reorder_call(const Node& node);
std::unique_ptr<Call> make_place_call(const Node& node);
std::unique_ptr<Call> make_pad_call(const Node& node);
std::unique_ptr<Call> make_full_call(const Node& node);
std::unique_ptr<Call> make_arange_call(const Node& node);

}  // namespace suan::cuda
