// The table of CUDA kernels, best first for each op. What none of them takes runs on the CPU.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/backend.h"
#include "suan/backend/cuda/batch_norm.h"
#include "suan/backend/cuda/convolution.h"
#include "suan/backend/cuda/cross_entropy.h"
#include "suan/backend/cuda/cumsum.h"
#include "suan/backend/cuda/norm.h"
#include "suan/backend/cuda/product.h"
#include "suan/backend/cuda/reduce.h"
#include "suan/backend/cuda/region.h"
#include "suan/backend/cuda/row_plan.h"
#include "suan/backend/cuda/softmax.h"
#include "suan/backend/cuda/top_k.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

constexpr Kernel kTable[] = {
    {.op = Op::fused,
     .name = "cublas",
     .why_not = product_why_not,
     .make = make_product_call,
     .in_place = true},
    {Op::matmul, "cublas", product_why_not, make_product_call},
    {.op = Op::fused,
     .name = "cudnn",
     .why_not = convolution_why_not,
     .make = make_convolution_call},
    {Op::conv, "cudnn", convolution_why_not, make_convolution_call},
    {Op::conv_transpose, "cudnn", convolution_why_not, make_convolution_call},
    {Op::conv_weight_gradient, "cudnn", convolution_why_not, make_convolution_call},
#define REDUCE(op) {Op::op, "cuda_reduce", reduce_why_not, make_reduce_call},
    REDUCE(sum) REDUCE(max) REDUCE(min) REDUCE(prod) REDUCE(var) REDUCE(logsumexp) REDUCE(argmax)
        REDUCE(argmin)
#undef REDUCE
            {Op::softmax, "cuda_softmax", float_rows_why_not, make_softmax_call, true},
    {Op::log_softmax, "cuda_softmax", float_rows_why_not, make_softmax_call, true},
    {Op::layer_norm, "cuda_norm", float_rows_why_not, make_norm_call, true},
    {Op::rms_norm, "cuda_norm", float_rows_why_not, make_norm_call, true},
    {Op::layer_norm_gradient, "cuda_norm", float_rows_why_not, make_norm_gradient_call, true},
    {Op::rms_norm_gradient, "cuda_norm", float_rows_why_not, make_norm_gradient_call, true},
    {Op::cross_entropy, "cuda_cross_entropy", float_rows_why_not, make_cross_entropy_call, true},
    {Op::batch_norm, "cuda_batch_norm", batch_norm_why_not, make_batch_norm_call, true, true, true},
    {Op::batch_norm_gradient, "cuda_batch_norm", batch_norm_why_not, make_batch_norm_gradient_call,
     true, true, true},
    {Op::cumsum, "cuda_cumsum", cumsum_why_not, make_cumsum_call, true},
    {Op::top_k, "cuda_top_k", top_k_why_not, make_top_k_call},
#define REGION(op) {Op::op, "cuda_region", region_why_not, make_region_call, true},
#define UNARY(name, ...) REGION(name)
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(name, ...) REGION(name)
#include "suan/ops/binary.table"
#undef BINARY
    REGION(select) REGION(cast) REGION(fused)
#undef REGION
};

}  // namespace

std::span<const Kernel> kernels() { return kTable; }

}  // namespace suan::cuda
