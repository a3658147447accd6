// The ops that are one strided copy, or one for each input.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "suan/backend/cpu/move.h"
#include "suan/backend/strided_copy.h"
#include "suan/ops/slice.h"

namespace suan::cpu {
namespace {

class MoveCall final : public Call {
 public:
  MoveCall(const Node& node, const StridedCopies& copies) : element_(size_of(node.types[0].dtype)) {
    for (const StridedCopy& c : copies) {
      const bool empty = c.empty();
      parts_.push_back(
          {Move(empty ? std::vector<MoveDim>() : c.dims, element_), c.from, c.to, empty});
    }
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

template <StridedCopies (*kCopies)(const Node&)>
std::unique_ptr<Call> make(const Node& node) {
  return std::make_unique<MoveCall>(node, kCopies(node));
}

}  // namespace

std::unique_ptr<Call> make_transpose_call(const Node& node) { return make<transpose_copies>(node); }
std::unique_ptr<Call> make_broadcast_call(const Node& node) { return make<broadcast_copies>(node); }
std::unique_ptr<Call> make_slice_call(const Node& node) { return make<slice_copies>(node); }
std::unique_ptr<Call> make_concat_call(const Node& node) { return make<concat_copies>(node); }

std::unique_ptr<Call> make_place_call(const Node& node) {
  auto call = std::make_unique<MoveCall>(node, place_copies(node));
  if (node.inputs[0].shape().numel() < node.attr<PlaceAttrs>().shape.numel()) call->clear_first();
  return call;
}

}  // namespace suan::cpu
