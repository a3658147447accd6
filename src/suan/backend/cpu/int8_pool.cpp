// Max pooling of 8-bit integers, channels last, by oneDNN.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/int8.h"
#include "suan/ops/op.h"
#include "suan/ops/pool.h"

namespace suan::cpu {

const char* int8_max_pool_why_not(const Node& node) {
  const Tensor& x = node.inputs[0];
  if (x.dtype() != DType::i8 && x.dtype() != DType::u8) return "the dtype is not i8 or u8";
  if (x.rank() < 3 || x.rank() > 5) return "it has not one to three spatial axes";
  if (node.types[0].shape.numel() == 0) return "there is nothing to compute";
  if (!node.attr<PoolAttrs>().dilation.empty()) return "the window is dilated";
  const bool last =
      layout_of(x) == Layout::channels_last && node.layout(0) == Layout::channels_last;
  return last ? nullptr : "its data is not channels last";
}

std::unique_ptr<Call> make_int8_max_pool_call(const Node& node) {
  const auto& a = node.attr<PoolAttrs>();
  const dnnl::memory::desc x = dnnl_desc(node.inputs[0]);
  const dnnl::memory::desc y = dnnl_desc(node.types[0].shape, node.types[0].dtype, node.layout(0));
  const dnnl::pooling_forward::desc desc(dnnl::prop_kind::forward_inference,
                                         dnnl::algorithm::pooling_max, x, y, a.stride, a.kernel,
                                         a.pad_begin, a.pad_end);
  const dnnl::pooling_forward::primitive_desc pd(desc, user_scratchpad(), dnnl_engine());
  auto call = std::make_unique<DnnlCall>();
  call->add(dnnl::pooling_forward(pd),
            {{DNNL_ARG_SRC, x, {Slot::in, 0}}, {DNNL_ARG_DST, y, {Slot::out, 0}}},
            pd.scratchpad_desc());
  return call;
}

}  // namespace suan::cpu
