// Layer and RMS normalization on a GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

const char* norm_why_not(const Node& node);
std::unique_ptr<Call> make_norm_call(const Node& node);           // layer_norm, rms_norm
std::unique_ptr<Call> make_norm_gradient_call(const Node& node);  // and their gradients

}  // namespace suan::cuda
