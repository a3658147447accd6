// The table of reference kernels. They take every dtype their op takes, in plain layout.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/reference/kernels.h"

#include <vector>

#include "suan/backend/reference/element.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

constexpr Kernel kTable[] = {
#define KERNEL(op, function) \
  {Op::op, "reference_" #op, reference::always, plain<reference::function>},
#define UNARY(name, ...) KERNEL(name, elementwise)
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(name, ...) KERNEL(name, elementwise)
#include "suan/ops/binary.table"
#undef BINARY
    KERNEL(full, full) KERNEL(select, elementwise) KERNEL(cast, cast) KERNEL(sum, sum)
        KERNEL(max, max) KERNEL(reshape, copy) KERNEL(stop_gradient, copy)
            KERNEL(transpose, transpose) KERNEL(broadcast_to, broadcast_to) KERNEL(matmul, matmul)
                KERNEL(conv, conv) KERNEL(conv_transpose, conv_transpose)
                    KERNEL(conv_weight_gradient, conv_weight_gradient) KERNEL(max_pool, max_pool)
                        KERNEL(max_pool_gradient, max_pool_gradient) KERNEL(softmax, softmax)
                            KERNEL(log_softmax, log_softmax) KERNEL(cross_entropy, cross_entropy)
                                KERNEL(random_uniform, random_uniform)
#undef KERNEL
};

const char* target_why_not(const Node& node) {
  return find_own_kernel(reference_backend(), node) ? nullptr : "no reference kernel takes it";
}
constexpr Target kTarget{.name = "reference", .why_not = target_why_not};

}  // namespace

const Backend& reference_backend() {
  static constexpr Backend backend{"reference", kTable, nullptr, &kTarget};
  return backend;
}

}  // namespace suan
