// The ops that are one strided copy, or one for each input.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "suan/backend/cpu/move.h"
#include "suan/ops/concat.h"
#include "suan/ops/shape_ops.h"
#include "suan/ops/slice.h"

namespace suan::cpu {
namespace {

// One copy for each input, each with its first element in the source and in the destination.
class MoveCall final : public Call {
 public:
  explicit MoveCall(const Node& node) : element_(size_of(node.types[0].dtype)) {}
  void add(std::vector<MoveDim> dims, int64_t from, int64_t to) {
    for (const MoveDim& d : dims) {
      if (d.size == 0) return void(parts_.push_back({Move({}, element_), 0, 0, true}));
    }
    parts_.push_back({Move(std::move(dims), element_), from, to, false});
  }
  void clear_first() { clear_ = true; }  // what no copy reaches is zero

  void run(const KernelArgs& args) const override {
    if (clear_) {
      if (const size_t bytes = args.out[0].type.bytes()) std::memset(args.out[0].data, 0, bytes);
    }
    for (size_t i = 0; i < parts_.size(); ++i) {
      const Part& p = parts_[i];
      if (p.empty) continue;
      p.move.run(args.in[i].as<char>() + p.from * static_cast<int64_t>(element_),
                 args.out[0].as<char>() + p.to * static_cast<int64_t>(element_));
    }
  }

 private:
  struct Part {
    Move move;
    int64_t from, to;
    bool empty;
  };
  size_t element_;
  bool clear_ = false;
  std::vector<Part> parts_;
};

// The box of a slice inside `whole`: its dims' strides there, and its first element.
struct Box {
  Shape strides;
  int64_t first = 0;
};
Box box_of(const Shape& whole, const std::vector<int64_t>& starts,
           const std::vector<int64_t>& steps) {
  Box box{whole.strides()};
  for (int i = 0; i < whole.rank(); ++i) {
    const auto d = static_cast<size_t>(i);
    box.first += starts[d] * box.strides[i];
    box.strides[i] *= steps[d];
  }
  return box;
}

}  // namespace

const char* plain_why_not(const Node& node) {
  for (const Tensor& t : node.inputs) {
    if (t && layout_of(t) != Layout::plain) return "an input is not in plain layout";
  }
  for (Layout layout : node.layouts) {
    if (layout != Layout::plain) return "an output is not in plain layout";
  }
  return nullptr;
}

std::unique_ptr<Call> make_transpose_call(const Node& node) {
  const auto& axes = node.attr<TransposeAttrs>().axes;
  const Shape& y = node.types[0].shape;
  const Shape from = node.inputs[0].shape().strides(), to = y.strides();
  std::vector<MoveDim> dims;
  for (int i = 0; i < y.rank(); ++i) {
    dims.push_back({y[i], from[static_cast<int>(axes[static_cast<size_t>(i)])], to[i]});
  }
  auto call = std::make_unique<MoveCall>(node);
  call->add(std::move(dims), 0, 0);
  return call;
}

std::unique_ptr<Call> make_broadcast_call(const Node& node) {
  const Shape &x = node.inputs[0].shape(), &y = node.types[0].shape;
  const Shape from = x.strides(), to = y.strides();
  const int lead = y.rank() - x.rank();
  std::vector<MoveDim> dims;
  for (int i = 0; i < y.rank(); ++i) {
    const bool repeats = i < lead || x[i - lead] == 1;
    dims.push_back({y[i], repeats ? 0 : from[i - lead], to[i]});
  }
  auto call = std::make_unique<MoveCall>(node);
  call->add(std::move(dims), 0, 0);
  return call;
}

std::unique_ptr<Call> make_slice_call(const Node& node) {
  const auto& a = node.attr<SliceAttrs>();
  const Shape& y = node.types[0].shape;
  const Box box = box_of(node.inputs[0].shape(), a.starts, a.steps);
  const Shape to = y.strides();
  std::vector<MoveDim> dims;
  for (int i = 0; i < y.rank(); ++i) dims.push_back({y[i], box.strides[i], to[i]});
  auto call = std::make_unique<MoveCall>(node);
  call->add(std::move(dims), box.first, 0);
  return call;
}

std::unique_ptr<Call> make_place_call(const Node& node) {
  const auto& a = node.attr<PlaceAttrs>();
  const Shape& x = node.inputs[0].shape();
  const Box box = box_of(a.shape, a.starts, a.steps);
  const Shape from = x.strides();
  std::vector<MoveDim> dims;
  for (int i = 0; i < x.rank(); ++i) dims.push_back({x[i], from[i], box.strides[i]});
  auto call = std::make_unique<MoveCall>(node);
  if (x.numel() < a.shape.numel()) call->clear_first();
  call->add(std::move(dims), 0, box.first);
  return call;
}

std::unique_ptr<Call> make_concat_call(const Node& node) {
  const Shape to = node.types[0].shape.strides();
  const int axis = normalize_axis(node.attr<ConcatAttrs>().axis, to.rank(), "axis");
  auto call = std::make_unique<MoveCall>(node);
  int64_t first = 0;
  for (const Tensor& t : node.inputs) {
    const Shape from = t.shape().strides();
    std::vector<MoveDim> dims;
    for (int i = 0; i < to.rank(); ++i) dims.push_back({t.shape()[i], from[i], to[i]});
    call->add(std::move(dims), 0, first);
    first += t.shape()[axis] * to[axis];
  }
  return call;
}

}  // namespace suan::cpu
