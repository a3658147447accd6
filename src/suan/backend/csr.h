// The bounds check that every kernel on a sparse matrix makes before it reads by its indices.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>

#include "suan/backend/kernel.h"

namespace suan {

// Whether offsets rise from 0 to the number of columns and each column is in [0, count). Reports
// the first fault under the op's name.
bool check_csr(std::string_view op, std::span<const int64_t> offsets,
               std::span<const int64_t> columns, int64_t count, RunErrors& errors);

// The check for a node of csr_matmul or csr_dot whose matrix has this many columns.
bool check_csr(const Node& node, const KernelArgs& args, int64_t count);

}  // namespace suan
