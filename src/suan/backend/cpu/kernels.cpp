// The table of CPU kernels, best first for each op. What none of them takes goes to the reference
// loops. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/attention.h"
#include "suan/backend/cpu/batch_norm.h"
#include "suan/backend/cpu/cast.h"
#include "suan/backend/cpu/conv.h"
#include "suan/backend/cpu/csr_matmul.h"
#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/fill.h"
#include "suan/backend/cpu/fused.h"
#include "suan/backend/cpu/index.h"
#include "suan/backend/cpu/int8.h"
#include "suan/backend/cpu/layouts.h"
#include "suan/backend/cpu/matmul.h"
#include "suan/backend/cpu/move.h"
#include "suan/backend/cpu/norm.h"
#include "suan/backend/cpu/packed_gather.h"
#include "suan/backend/cpu/panels.h"
#include "suan/backend/cpu/pool.h"
#include "suan/backend/cpu/quantize.h"
#include "suan/backend/cpu/reduce.h"
#include "suan/backend/cpu/resize.h"
#include "suan/backend/cpu/rotary.h"
#include "suan/backend/cpu/rows.h"
#include "suan/backend/cpu/tail.h"
#include "suan/backend/cpu/weight_only.h"
#include "suan/backend/cpu/winograd.h"
#include "suan/backend/evaluate.h"
#include "suan/backend/kernel.h"
#include "suan/ops/op.h"

namespace suan {
namespace {

const char* reorder_why_not(const Node& node) {
  const DType dtype = node.types[0].dtype;
  const bool takes =
      dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::i8 || dtype == DType::u8;
  return takes ? nullptr : "the dtype is not f32, bf16, i8 or u8";
}
std::unique_ptr<Call> make_reorder_call(const Node& node) {
  auto call = std::make_unique<cpu::DnnlCall>();
  call->finish({cpu::Slot::in, 0}, cpu::dnnl_desc(node.inputs[0]), {cpu::Slot::out, 0},
               cpu::dnnl_desc(node.types[0].shape, node.types[0].dtype, node.layout(0)));
  return call;
}

constexpr Kernel kTable[] = {
#define TILES(op) {Op::op, "cpu_tiles", cpu::fused_why_not, cpu::make_fused_call, true},
#define UNARY(name, ...) TILES(name)
#include "suan/ops/unary.table"
#undef UNARY
#define BINARY(name, ...) TILES(name)
#include "suan/ops/binary.table"
#undef BINARY
    TILES(select) TILES(cast) TILES(fused)
#undef TILES
        {Op::cast, "cpu_cast", cpu::cast_why_not, plain<cpu::cast>},
    {Op::sum, "cpu_sum", cpu::reduce_why_not, cpu::make_sum_call},
    {Op::max, "cpu_max", cpu::reduce_why_not, cpu::make_max_call},
    {.op = Op::matmul,
     .name = "dnnl_sgemm",
     .why_not = cpu::sgemm_why_not,
     .make = cpu::make_sgemm_call,
     .likely_slower = cpu::sgemm_likely_slower},
    {Op::matmul, "cpu_panels", cpu::panel_why_not, cpu::make_panel_call},
    {Op::matmul, "dnnl_matmul", cpu::dnnl_matmul_why_not, cpu::make_dnnl_matmul_call},
    {Op::csr_matmul, "cpu_csr", cpu::csr_why_not, cpu::make_csr_matmul_call},
    {Op::csr_dot, "cpu_csr", cpu::csr_why_not, cpu::make_csr_dot_call},
// clang-format off
#define TILED_WINOGRAD(code)                                                                \
    {.op = Op::code, .name = "cpu_winograd", .why_not = cpu::tiled_winograd_why_not,        \
     .make = cpu::make_tiled_winograd_call, .in_place = true, .exact = false,               \
     .likely_slower = cpu::tiled_winograd_likely_slower, .spends_memory = true},
#define PANELS(code)                                                                        \
    {.op = Op::code, .name = "cpu_panels", .why_not = cpu::panel_why_not,                   \
     .make = cpu::make_panel_call, .in_place = true},                                       \
    {.op = Op::code, .name = "cpu_padded_panels", .why_not = cpu::padded_panel_why_not,     \
     .make = cpu::make_panel_call, .in_place = true, .spends_memory = true},
#define WINOGRAD(code)                                                                      \
    {.op = Op::code, .name = "dnnl_winograd", .why_not = cpu::winograd_why_not,             \
     .make = cpu::make_winograd_call, .in_place = true, .exact = false,                     \
     .likely_slower = cpu::winograd_likely_slower, .spends_memory = true},
#define DIRECT(code)                                                                        \
    {Op::code, "dnnl_direct", cpu::direct_why_not, cpu::make_direct_call},                  \
    {.op = Op::code, .name = "dnnl_winograd_f32", .why_not = cpu::wide_winograd_why_not,    \
     .make = cpu::make_wide_winograd_call, .spends_memory = true},
    TILED_WINOGRAD(conv) WINOGRAD(conv) PANELS(conv) DIRECT(conv)
    WINOGRAD(conv_transpose) DIRECT(conv_transpose)
    WINOGRAD(conv_weight_gradient) DIRECT(conv_weight_gradient)
    TILED_WINOGRAD(fused) WINOGRAD(fused) PANELS(fused)
#undef TILED_WINOGRAD
#undef WINOGRAD
#undef PANELS
#undef DIRECT
    // clang-format on
    {Op::fused, "dnnl_direct", cpu::direct_why_not, cpu::make_direct_call, true},
    {Op::fused, "dnnl_int8_conv", cpu::int8_conv_why_not, cpu::make_int8_conv_call, true},
    {Op::fused, "dnnl_int8_matmul", cpu::int8_matmul_why_not, cpu::make_int8_matmul_call, true},
    {Op::fused, "cpu_weight_only", cpu::weight_only_why_not, cpu::make_weight_only_call, true},
    {Op::quantize, "cpu_quantize", cpu::quantize_why_not, cpu::make_quantize_call},
    {Op::dequantize, "cpu_dequantize", cpu::dequantize_why_not, cpu::make_dequantize_call},
    {Op::dequantize, "cpu_dequantize_blocks", cpu::dequantize_blocks_why_not,
     cpu::make_dequantize_blocks_call},
    {Op::fused, "dnnl_matmul", cpu::dnnl_matmul_why_not, cpu::make_dnnl_matmul_call, true},
    {Op::max_pool, "cpu_max_pool", cpu::max_pool_why_not, plain<cpu::max_pool>},
    {Op::max_pool, "dnnl_int8_pool", cpu::int8_max_pool_why_not, cpu::make_int8_max_pool_call},
    {Op::max_pool_gradient, "cpu_max_pool", cpu::max_pool_why_not, plain<cpu::max_pool_gradient>},
    {Op::avg_pool, "cpu_avg_pool", cpu::avg_pool_why_not, plain<cpu::avg_pool>},
    {Op::avg_pool_gradient, "cpu_avg_pool", cpu::avg_pool_why_not,
     cpu::make_avg_pool_gradient_call},
    {Op::resize, "cpu_resize", cpu::resize_why_not, cpu::make_resize_call},
    {Op::batch_norm, "dnnl_batch_norm", cpu::batch_norm_why_not, cpu::make_batch_norm_call, false,
     true, true},
    {Op::batch_norm_gradient, "dnnl_batch_norm", cpu::batch_norm_why_not,
     cpu::make_batch_norm_gradient_call, false, true, true},
    {Op::softmax, "cpu_softmax", cpu::softmax_why_not, cpu::make_softmax_call},
    {Op::log_softmax, "cpu_softmax", cpu::softmax_why_not, cpu::make_softmax_call},
    {Op::cross_entropy, "cpu_cross_entropy", cpu::cross_entropy_why_not,
     cpu::make_cross_entropy_call},
    {Op::layer_norm, "cpu_norm", cpu::norm_why_not, cpu::make_norm_call},
    {Op::rms_norm, "cpu_norm", cpu::norm_why_not, cpu::make_norm_call},
    {Op::layer_norm_gradient, "cpu_norm", cpu::norm_why_not, cpu::make_norm_gradient_call},
    {Op::rms_norm_gradient, "cpu_norm", cpu::norm_why_not, cpu::make_norm_gradient_call},
    {Op::rotary, "cpu_rotary", cpu::rotary_why_not, cpu::make_rotary_call, true},
    {.op = Op::attention,
     .name = "cpu_attention_bf16",
     .why_not = cpu::bf16_attention_why_not,
     .make = cpu::make_bf16_attention_call,
     .exact = false},
    {Op::attention, "cpu_attention", cpu::attention_why_not, cpu::make_attention_call},
    {.op = Op::attention_gradient,
     .name = "cpu_attention_bf16",
     .why_not = cpu::bf16_attention_gradient_why_not,
     .make = cpu::make_bf16_attention_gradient_call,
     .exact = false},
    {Op::attention_gradient, "cpu_attention", cpu::attention_gradient_why_not,
     cpu::make_attention_gradient_call},
    {Op::gather, "cpu_packed_gather", cpu::packed_gather_why_not, cpu::make_packed_gather_call},
    {Op::gather, "cpu_gather", plain_why_not, cpu::make_gather_call},
    {Op::scatter, "cpu_scatter", cpu::scatter_why_not, cpu::make_scatter_call},
    {Op::segment_max, "cpu_segment", cpu::scatter_why_not, cpu::make_segment_max_call},
    {Op::full, "cpu_fill", cpu::full_why_not, plain<cpu::full>},
    {Op::random_uniform, "cpu_philox", plain_why_not, plain<cpu::random_uniform>},
    {Op::transpose, "cpu_move", plain_why_not, cpu::make_transpose_call},
    {Op::broadcast_to, "cpu_move", plain_why_not, cpu::make_broadcast_call},
    {Op::slice, "cpu_move", plain_why_not, cpu::make_slice_call},
    {Op::place, "cpu_move", plain_why_not, cpu::make_place_call},
    {Op::concat, "cpu_move", plain_why_not, cpu::make_concat_call},
    {Op::reorder, "dnnl_reorder", reorder_why_not, make_reorder_call},
};

const char* target_why_not(const Node& node) {
  if (takes(cpu_backend(), node)) return nullptr;
  if (!node.op->decompose && takes(reference_backend(), node)) return nullptr;
  return "no cpu kernel takes it";
}
constexpr Target kTarget{
    .name = "cpu",
    .why_not = target_why_not,
    .fuses = [](const Node& n) { return !cpu::tile_why_not(n); },
    .fuses_tail = cpu::fuses_tail,
    .begins_tail = cpu::begins_tail,
    .evaluate = [](const Tensor& t) { return evaluate(t, cpu_backend()).buffer; },
    .choose_layouts = cpu::choose_layouts};

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend{"cpu", kTable, &reference_backend(), &kTarget};
  return backend;
}

}  // namespace suan
