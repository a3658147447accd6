// Layer and RMS normalization and their gradients.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/backend/kernel.h"

namespace suan::cpu {

const char* norm_why_not(const Node& node);
std::unique_ptr<Call> make_norm_call(const Node& node);           // layer_norm and rms_norm
std::unique_ptr<Call> make_norm_gradient_call(const Node& node);  // their gradients

}  // namespace suan::cpu
