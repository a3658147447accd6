// Products with a sparse matrix. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/backend/kernel.h"

namespace suan::cuda {

const char* csr_why_not(const Node& node);
std::unique_ptr<Call> make_csr_matmul_call(const Node& node);
std::unique_ptr<Call> make_csr_dot_call(const Node& node);

}  // namespace suan::cuda
