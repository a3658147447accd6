// The table of CUDA kernels, best first for each op. What none of them takes runs on the CPU.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/attention.h"
#include "suan/backend/cuda/backend.h"
#include "suan/backend/cuda/batch_norm.h"
#include "suan/backend/cuda/bits.h"
#include "suan/backend/cuda/convolution.h"
#include "suan/backend/cuda/cross_entropy.h"
#include "suan/backend/cuda/csr.h"
#include "suan/backend/cuda/cudnn_attention.h"
#include "suan/backend/cuda/cumsum.h"
#include "suan/backend/cuda/gather.h"
#include "suan/backend/cuda/move.h"
#include "suan/backend/cuda/norm.h"
#include "suan/backend/cuda/pool.h"
#include "suan/backend/cuda/product.h"
#include "suan/backend/cuda/random.h"
#include "suan/backend/cuda/reduce.h"
#include "suan/backend/cuda/region.h"
#include "suan/backend/cuda/resize.h"
#include "suan/backend/cuda/rotary.h"
#include "suan/backend/cuda/row_plan.h"
#include "suan/backend/cuda/scatter.h"
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
     .in_place = true,
     .writes_all = true},
    {Op::matmul, "cublas", product_why_not, make_product_call},
    {Op::scaled_matmul, "cublas_fp8", scaled_product_why_not, make_scaled_product_call},
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
    {Op::layer_norm, "cuda_norm", norm_why_not, make_norm_call, true},
    {Op::rms_norm, "cuda_norm", norm_why_not, make_norm_call, true},
    {Op::layer_norm_gradient, "cuda_norm", norm_why_not, make_norm_gradient_call, true},
    {Op::rms_norm_gradient, "cuda_norm", norm_why_not, make_norm_gradient_call, true},
    {Op::cross_entropy, "cuda_cross_entropy", float_rows_why_not, make_cross_entropy_call, true},
    {Op::batch_norm, "cuda_batch_norm", batch_norm_why_not, make_batch_norm_call, true, true},
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
        {Op::transpose, "cuda_copy", plain_numbers_why_not, make_transpose_call},
    {Op::broadcast_to, "cuda_copy", plain_numbers_why_not, make_broadcast_call},
    {Op::slice, "cuda_copy", plain_numbers_why_not, make_slice_call},
    {Op::place, "cuda_copy", plain_numbers_why_not, make_place_call},
    {Op::concat, "cuda_copy", plain_numbers_why_not, make_concat_call},
    {Op::reorder, "cuda_copy", reorder_why_not, make_reorder_call},
    {Op::pad, "cuda_copy", fill_why_not, make_pad_call},
    {Op::full, "cuda_fill", fill_why_not, make_full_call},
    {Op::arange, "cuda_fill", fill_why_not, make_arange_call},
    {Op::gather, "cuda_gather", plain_numbers_why_not, make_gather_call},
    {Op::take_along_axis, "cuda_gather", plain_numbers_why_not, make_take_along_axis_call},
    {Op::check_range, "cuda_gather", plain_numbers_why_not, make_check_range_call, true},
    {Op::scatter, "cuda_scatter", scatter_why_not, make_scatter_call, true},
    {Op::put_along_axis, "cuda_scatter", scatter_why_not, make_put_along_axis_call, true},
    {Op::segment_max, "cuda_scatter", scatter_why_not, make_segment_max_call},
    {Op::random_uniform, "cuda_philox", plain_numbers_why_not, make_random_call},
    {Op::random_normal, "cuda_philox", plain_numbers_why_not, make_random_call},
    {Op::max_pool, "cuda_pool", pool_why_not, make_pool_call},
    {Op::avg_pool, "cuda_pool", pool_why_not, make_pool_call},
    {Op::avg_pool_gradient, "cuda_pool", pool_why_not, make_pool_call},
    {Op::max_pool_gradient, "cuda_pool", pool_why_not, make_max_pool_gradient_call},
    {.op = Op::attention,
     .name = "cudnn_attention",
     .why_not = cudnn_attention_why_not,
     .make = make_cudnn_attention_call,
     .writes_all = true},
    {.op = Op::attention,
     .name = "cuda_attention",
     .why_not = attention_why_not,
     .make = make_attention_call,
     .writes_all = true},
    {.op = Op::attention_gradient,
     .name = "cudnn_attention",
     .why_not = cudnn_attention_why_not,
     .make = make_cudnn_attention_call,
     .writes_all = true,
     .spends_memory = true},
    {.op = Op::attention_gradient,
     .name = "cuda_attention",
     .why_not = attention_why_not,
     .make = make_attention_gradient_call,
     .writes_all = true},
    {Op::resize, "cuda_resize", float_why_not, make_resize_call},
    {Op::rotary, "cuda_rotary", float_why_not, make_rotary_call, true},
    {Op::bitwise, "cuda_bits", plain_numbers_why_not, make_bitwise_call},
    {Op::bitcast, "cuda_bits", plain_numbers_why_not, make_bitcast_call},
    {Op::csr_matmul, "cuda_csr", csr_why_not, make_csr_matmul_call},
    {Op::csr_dot, "cuda_csr", csr_why_not, make_csr_dot_call},
};

}  // namespace

std::span<const Kernel> kernels() { return kTable; }

}  // namespace suan::cuda
