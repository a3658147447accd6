// Long lines take several passes: each keeps the first k of every segment, which is at most half of
// it. SPDX-License-Identifier: Apache-2.0
#include "suan/ops/top_k.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "suan/backend/cuda/kernels/top_k_params.h"
#include "suan/backend/cuda/row_plan.h"
#include "suan/backend/cuda/source.h"
#include "suan/backend/cuda/top_k.h"

namespace suan::cuda {
namespace {

constexpr int64_t kSegment = 4096;  // elements that a block sorts in shared memory

int axis_of(const Node& node) {
  return normalize_axis(node.attr<TopKAttrs>().axis, node.inputs[0].rank(), "top_k");
}

class TopKCall final : public Call {
 public:
  explicit TopKCall(const Node& node) {
    const auto& attrs = node.attr<TopKAttrs>();
    const Shape& shape = node.inputs[0].shape();
    const int axis = axis_of(node);
    apart_ = size_of(node.inputs[0].dtype()) == 8;
    kernel_ = OwnKernel(apart_ ? "top_k_wide" : "top_k_narrow");
    lines_ = shape.numel() / shape[axis];
    params_.length = shape[axis];
    params_.inner = shape.numel(axis + 1, shape.rank());
    params_.kept = attrs.k;
    params_.largest = attrs.largest;
    params_.dtype = static_cast<int32_t>(node.inputs[0].dtype());
    params_.size = static_cast<int32_t>(size_of(node.inputs[0].dtype()));
    for (int64_t count = shape[axis];; count = segments_of(count) * attrs.k) {
      counts_.push_back(count);
      if (count <= kSegment) break;
    }
  }
  // Two arrays of candidates, of which one is read while the other is written.
  size_t scratch_bytes() const override { return counts_.size() > 1 ? 2 * array_bytes() : 0; }

  void run(const KernelArgs& args) const override {
    char* from = static_cast<char*>(args.scratch);
    char* to = from + array_bytes();
    for (size_t pass = 0; pass < counts_.size(); ++pass) {
      TopKParams p = params_;
      const bool last = pass + 1 == counts_.size();
      p.x = args.in[0].data;
      p.values = args.out[0].data;
      p.indices = args.out[1].as<int64_t>();
      p.count = counts_[pass];
      p.segment = static_cast<int32_t>(std::min(p.count, kSegment));
      p.padded = static_cast<int32_t>(std::bit_ceil(static_cast<uint64_t>(p.segment)));
      if (pass > 0) place(from, p.keys_in, p.indices_in);
      if (!last) place(to, p.keys_out, p.indices_out);
      const Launch launch_of{
          .blocks = {static_cast<unsigned>(lines_), static_cast<unsigned>(segments_of(p.count)), 1},
          .threads = static_cast<unsigned>(std::clamp(p.padded / 2, 32, 512)),
          .shared_bytes = static_cast<unsigned>(static_cast<size_t>(p.padded) * entry())};
      kernel_.launch(gpu_of(args), launch_of, p);
      std::swap(from, to);
    }
  }

 private:
  static int64_t segments_of(int64_t count) { return (count + kSegment - 1) / kSegment; }
  int64_t candidates() const { return counts_.size() > 1 ? lines_ * counts_[1] : 0; }
  size_t array_bytes() const { return aligned(static_cast<size_t>(candidates()) * entry()); }
  size_t entry() const { return sizeof(uint64_t) + (apart_ ? sizeof(uint32_t) : 0); }
  template <class Key, class Index>
  void place(char* at, Key*& keys, Index*& indices) const {
    keys = reinterpret_cast<Key*>(at);
    indices = reinterpret_cast<Index*>(at + static_cast<size_t>(candidates()) * sizeof(uint64_t));
  }

  bool apart_;
  OwnKernel kernel_;
  int64_t lines_;
  TopKParams params_{};
  std::vector<int64_t> counts_;  // elements of a line in each pass
};

}  // namespace

const char* top_k_why_not(const Node& node) {
  const Tensor& x = node.inputs[0];
  if (!is_arithmetic(x.dtype())) return "kernels do not compute with this dtype";
  const int64_t length = x.shape()[axis_of(node)], k = node.attr<TopKAttrs>().k;
  if (length > kSegment && k > kSegment / 2) return "so long a line is not sorted on the GPU";
  if (length > kSegment * 65535) return "a line is too long";
  if (length > 0 && x.shape().numel() / length > (int64_t{1} << 30))
    return "there are too many lines";
  return plain_numbers_why_not(node);
}
std::unique_ptr<Call> make_top_k_call(const Node& node) { return std::make_unique<TopKCall>(node); }

}  // namespace suan::cuda
