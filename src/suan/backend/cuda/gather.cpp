// Gathered rows move in pieces of up to 16 bytes. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/gather.h"

#include <fmt/format.h>

#include "suan/backend/cuda/mover.h"
#include "suan/backend/cuda/source.h"
#include "suan/ops/check_range.h"
#include "suan/ops/gather.h"

namespace suan::cuda {
namespace {

static_assert(int{Fault::index} == kBadIndex && int{Fault::label} == kBadLabel &&
              int{Fault::range} == kOutOfRange && int{Fault::offset} == kBadOffset &&
              int{Fault::column} == kBadColumn);

// Of the axis that indices choose from.
template <class Params>
class IndexedCall : public Call {
 public:
  void run(const KernelArgs& args) const override {
    Params p = params_;
    p.from = args.in[0].data;
    p.to = args.out[0].data;
    p.list = index_list(args, size_);
    launch_for(kernel_, gpu_of(args), p.count, p);
  }

 protected:
  int64_t size_ = 0;
  Params params_{};
  OwnKernel kernel_;
};

class GatherCall final : public IndexedCall<GatherParams> {
 public:
  explicit GatherCall(const Node& node) {
    const Shape& x = node.inputs[0].shape();
    const int axis = normalize_axis(node.attr<GatherAttrs>().axis, x.rank(), "axis");
    const size_t element = size_of(node.types[0].dtype);
    const int64_t inner = x.numel(axis + 1, x.rank());
    const int64_t piece = elements_at_once(inner, element);
    size_ = x[axis];
    params_.inner = divider(inner / piece);
    params_.indices = divider(node.inputs[1].shape().numel());
    params_.count = static_cast<uint64_t>(node.types[0].shape.numel() / piece);
    kernel_ = OwnKernel(sized_name("gather", element * static_cast<size_t>(piece)));
  }
};

class TakeCall final : public IndexedCall<TakeParams> {
 public:
  explicit TakeCall(const Node& node) {
    const Shape &x = node.inputs[0].shape(), &indices = node.inputs[1].shape();
    const int axis = normalize_axis(node.attr<GatherAttrs>().axis, x.rank(), "axis");
    size_ = x[axis];
    params_.count = static_cast<uint64_t>(indices.numel());
    params_.axis_step = x.strides()[axis];
    params_.rank = along_dims(indices, x, axis, params_.dims);
    kernel_ = OwnKernel(sized_name("take", size_of(node.types[0].dtype)));
  }
};

class CheckRangeCall final : public Call {
 public:
  explicit CheckRangeCall(const Node& node)
      : kernel_(fmt::format("check_range_{}", name(node.types[0].dtype))) {
    const auto& attrs = node.attr<CheckRangeAttrs>();
    params_.count = static_cast<uint64_t>(node.types[0].shape.numel());
    params_.low = attrs.low;
    params_.high = attrs.high;
  }
  void run(const KernelArgs& args) const override {
    RangeParams p = params_;
    p.from = args.in[0].data;
    p.to = args.out[0].data;
    p.fault = args.fault;
    p.step = args.step;
    launch_for(kernel_, gpu_of(args), p.count, p);
  }

 private:
  RangeParams params_{};
  OwnKernel kernel_;
};

}  // namespace

IndexList index_list(const KernelArgs& args, int64_t size) {
  return {args.in[1].data, size, args.fault, args.step, args.in[1].type.dtype == DType::i64};
}

int along_dims(const Shape& indices, const Shape& x, int axis, AlongDim (&dims)[kAlongRank]) {
  const Shape strides = x.strides();
  int rank = 0;
  for (int i = x.rank(); i-- > 0;) {
    dims[rank++] = {divider(indices[i]), i == axis ? 0 : strides[i]};
  }
  return rank;
}

std::unique_ptr<Call> make_gather_call(const Node& node) {
  return std::make_unique<GatherCall>(node);
}
std::unique_ptr<Call> make_take_along_axis_call(const Node& node) {
  return std::make_unique<TakeCall>(node);
}
std::unique_ptr<Call> make_check_range_call(const Node& node) {
  return std::make_unique<CheckRangeCall>(node);
}

}  // namespace suan::cuda
