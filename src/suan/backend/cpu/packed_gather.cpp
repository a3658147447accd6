// A row of the table is a column of the weights: four bytes of every group of its panel.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/packed_gather.h"

#include <algorithm>

#include "suan/backend/cpu/indexed_call.h"
#include "suan/backend/cpu/weight_only_pack.h"
#include "suan/base/threads.h"
#include "suan/ops/gather.h"
#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

WeightFormat format_of(DType dtype) {
  return {.bits = dtype == DType::i4 || dtype == DType::u4 ? 4 : 8,
          .has_sign = dtype == DType::i4 || dtype == DType::i8};
}

class PackedGatherCall final : public IndexedCall {
 public:
  explicit PackedGatherCall(const Node& node)
      : IndexedCall(node, 0),
        format_(format_of(node.types[0].dtype)),
        table_{.k = inner_, .n = size_, .transposed = true} {}

  size_t packed_bytes(int input) const override {
    return input == 0 ? static_cast<size_t>(panels_of(size_) * panel_bytes(inner_, format_)) : 0;
  }
  std::string packed_form(int /*input*/) const override {
    return to_text(weights_form(table_, format_));
  }
  void pack(int /*input*/, const void* from, void* to) const override {
    pack_weights(table_, format_, from, to);
  }

  void run(const KernelArgs& args) const override {
    const int64_t* at = positions(args);
    if (!at) return;
    const auto* table = args.in[0].as<uint8_t>();
    auto* y = args.out[0].as<uint8_t>();
    parallel_for(count_, 1 + kThreadWork / inner_, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t panel = at[i] / kColumns * panel_bytes(inner_, format_);
        copy_row(table + panel + at[i] % kColumns * 4, y + i * inner_);
      }
    });
  }

 private:
  void copy_row(const uint8_t* from, uint8_t* to) const {
    const int64_t together = format_.bits == 4 ? 8 : 4;
    for (int64_t k = 0; k < inner_; k += together, from += 4 * kColumns) {
      const int64_t count = std::min(together, inner_ - k);
      for (int64_t j = 0; j < count; ++j) {
        to[k + j] = format_.bits == 4 ? half(from[j / 2], j % 2) : from[j];
      }
    }
  }
  uint8_t half(uint8_t byte, int64_t second) const {
    return static_cast<uint8_t>((byte >> (4 * second) & 15) - format_.offset());
  }

  WeightFormat format_;
  StoredMatrix table_;
};

}  // namespace

const char* packed_gather_why_not(const Node& node) {
  constexpr int64_t kLongRow = 64;
  const Tensor& table = node.inputs[0];
  const DType dtype = table.dtype();
  const bool small =
      dtype == DType::i4 || dtype == DType::u4 || dtype == DType::i8 || dtype == DType::u8;
  if (!small) return "the table is not i4, u4, i8 or u8";
  if (!is(table.node(), Op::constant)) return "the table is no constant";
  const bool rows =
      table.rank() == 2 && normalize_axis(node.attr<GatherAttrs>().axis, 2, "axis") == 0;
  if (!rows || table.shape()[1] < kLongRow) return "it does not gather long rows of a matrix";
  if (table.shape().numel() == 0) return "the table is empty";
  return plain_why_not(node);
}
std::unique_ptr<Call> make_packed_gather_call(const Node& node) {
  return std::make_unique<PackedGatherCall>(node);
}

}  // namespace suan::cpu
