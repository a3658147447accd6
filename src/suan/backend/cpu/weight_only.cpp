// Rows of x become digits, a chunk of them at a time; then each thread takes its panels of columns
// and passes all rows over a few of them at a time.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/weight_only.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "suan/backend/cpu/dnnl.h"
#include "suan/backend/cpu/weight_only_read.h"
#include "suan/base/threads.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"

namespace suan::cpu {
namespace {

constexpr int64_t kChunkBytes = int64_t{1} << 20;  // of digits: they stay in the cache of a core
constexpr int64_t kFewPanels = 4;                  // whose weights stay there too

bool is_known(const Tensor& t) {
  return !t || is(t.node(), Op::constant) || (is(t.node(), Op::full) && t.rank() == 0);
}

// The one number of a constant or of `full`.
double number_of(const Tensor& t) {
  if (is(t.node(), Op::full)) return t.node().attr<FullAttrs>().value;
  const BufferPtr& value = t.node().values[0];
  if (t.dtype() == DType::f32) return *value->as<float>();
  return is_unsigned(t.dtype()) || t.dtype() == DType::u4 ? *value->as<uint8_t>()
                                                          : *value->as<int8_t>();
}

class WeightOnlyCall final : public Call {
 public:
  explicit WeightOnlyCall(const Node& node) {
    read_weight_only(*node.regions[0], region_);
    const StoredMatrix& w = region_.weights.matrix;
    segments_ = segments_of(region_.weights);
    panels_ = panels_of(w.n);
    rows_ = node.types[0].shape.numel() / w.n;
    step_ = digit_step(w.k);
    const int64_t most = kChunkBytes / (4 * step_) / kTileRows * kTileRows;
    chunk_ = std::min(rows_, std::max(most, 4 * kTileRows));
    if (region_.tail.bias >= 0) {
      steps_.push_back({.kind = RowStep::Kind::channels,
                        .run = find_tile_function(Op::add, 0),
                        .operand = region_.tail.bias});
    }
    steps_.insert(steps_.end(), region_.tail.steps.begin(), region_.tail.steps.end());
    if (region_.weights.one_scale) repeat_numbers(node);
  }

  size_t packed_bytes(int input) const override {
    const auto by_block = static_cast<size_t>(panels_ * region_.weights.blocks * kColumns);
    if (input == region_.w) {
      return static_cast<size_t>(panels_ * panel_bytes(matrix().k, region_.weights.format));
    }
    if (region_.weights.one_scale) return 0;
    return input == region_.scales  ? by_block * sizeof(float)
           : input == region_.zeros ? by_block
                                    : 0;
  }
  std::string packed_form(int input) const override {
    if (input == region_.w) return to_text(weights_form(matrix(), region_.weights.format));
    return to_text(by_block_form(region_.weights.by_block(), input == region_.scales ? 4 : 1));
  }
  void pack(int input, const void* from, void* to) const override {
    if (input == region_.w) return pack_weights(matrix(), region_.weights.format, from, to);
    pack_by_block(region_.weights.by_block(), input == region_.scales ? 4 : 1, from, to);
  }

  size_t scratch_bytes() const override { return static_cast<size_t>(chunk_) * row_bytes(); }
  void run(const KernelArgs& args) const override {
    const auto* x = args.in[static_cast<size_t>(region_.x)].as<float>();
    const DigitRows digits = rows_in(args.scratch);
    const int64_t k = matrix().k, tiles = (chunk_ + kTileRows - 1) / kTileRows;
    for (int64_t row = 0; row < rows_; row += chunk_) {
      const int64_t rows = std::min(chunk_, rows_ - row);
      parallel_for(rows, 1 + kThreadWork / k, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) {
          to_digits(x + (row + r) * k, segments_.data(), region_.weights.format,
                    region_.weights.has_zeros, digits, r);
        }
      });
      const int64_t work = tiles * kTileRows * k * kColumns / 8;  // of a panel
      parallel_for(panels_, 1 + kThreadWork / work, [&](int64_t begin, int64_t end) {
        const int64_t strip = rows > kTileRows ? kFewPanels : kTilePanels;
        for (int64_t p = begin; p < end; p += strip) {
          multiply(args, digits, row, rows, p, std::min(strip, end - p));
        }
      });
    }
  }

 private:
  const StoredMatrix& matrix() const { return region_.weights.matrix; }
  size_t row_bytes() const {
    const auto segments = segments_.size();
    return static_cast<size_t>(step_) * sizeof(uint32_t) +
           segments * (sizeof(float) + kDigits * sizeof(int32_t));
  }
  DigitRows rows_in(void* scratch) const {
    const auto segments = static_cast<int64_t>(segments_.size());
    DigitRows rows{.digits = static_cast<uint32_t*>(scratch), .step = step_, .segments = segments};
    rows.starts = reinterpret_cast<int32_t*>(rows.digits + chunk_ * step_);
    rows.units = reinterpret_cast<float*>(rows.starts + chunk_ * segments * kDigits);
    return rows;
  }

  // A single scale and zero point, for all columns.
  void repeat_numbers(const Node& node) {
    const auto at = [&](int operand, size_t input) -> const Tensor& {
      return operand >= 0 ? node.inputs[static_cast<size_t>(operand)]
                          : region_.dequantize->inputs[input];
    };
    const auto count = static_cast<size_t>(panels_ * kColumns);
    own_scales_.assign(count, static_cast<float>(number_of(at(region_.scales, 1))));
    if (!region_.weights.has_zeros) return;
    own_zeros_.assign(count,
                      static_cast<uint8_t>(static_cast<int>(number_of(at(region_.zeros, 2)))));
  }

  WeightPanels panels_from(const KernelArgs& args, int64_t panel) const {
    const auto in = [&](int operand) { return args.in[static_cast<size_t>(operand)].data; };
    const StoredWeights& w = region_.weights;
    WeightPanels panels{.weights = static_cast<const uint8_t*>(in(region_.w)),
                        .scales = own_scales_.data(),
                        .zeros = w.has_zeros ? own_zeros_.data() : nullptr,
                        .panel_bytes = panel_bytes(w.matrix.k, w.format),
                        .blocks = w.blocks};
    if (!w.one_scale) {
      panels.scales = static_cast<const float*>(in(region_.scales));
      if (w.has_zeros) panels.zeros = static_cast<const uint8_t*>(in(region_.zeros));
    }
    panels.weights += panel * panels.panel_bytes;
    panels.scales += panel * w.blocks * kColumns;
    if (panels.zeros) panels.zeros += panel * w.blocks * kColumns;
    return panels;
  }

  void multiply(const KernelArgs& args, const DigitRows& digits, int64_t row, int64_t rows,
                int64_t panel, int64_t panels) const {
    alignas(64) float c[kTileRows * kTilePanels * kColumns];
    const int64_t step = panels * kColumns, column = panel * kColumns;
    const WeightPanels w = panels_from(args, panel);
    for (int64_t r = 0; r < rows; r += kTileRows) {
      const int64_t count = std::min(kTileRows, rows - r);
      multiply_digits(digits, r, count, w, panels, segments_.data(), region_.weights.format, c,
                      step);
      for (int64_t i = 0; i < count; ++i) {
        finish(args, c + i * step, row + r + i, column, std::min(step, matrix().n - column));
      }
    }
  }

  void finish(const KernelArgs& args, float* c, int64_t row, int64_t column, int64_t width) const {
    const auto n = static_cast<size_t>(width);
    const int64_t at = row * matrix().n + column;
    float* const y = args.out[0].as<float>() + at;
    const float* value = c;
    for (size_t s = 0; s < steps_.size(); ++s) {
      const RowStep& step = steps_[s];
      float* to = s + 1 == steps_.size() ? y : c;
      const float* other = nullptr;
      if (step.kind == RowStep::Kind::number) other = &step.number;
      if (step.operand >= 0) {
        other = args.in[static_cast<size_t>(step.operand)].as<float>() +
                (step.kind == RowStep::Kind::whole ? at : column);
      }
      step.run(step.swapped ? other : value, step.swapped ? value : other, nullptr, to, n);
      value = to;
    }
    if (steps_.empty()) std::memcpy(y, c, n * sizeof(float));
  }

  WeightOnly region_;
  std::vector<WeightSegment> segments_;
  std::vector<RowStep> steps_;
  std::vector<float> own_scales_;
  std::vector<uint8_t> own_zeros_;
  int64_t panels_ = 0, rows_ = 0, chunk_ = 0, step_ = 0;
};

}  // namespace

bool multiplies_stored_weights(const Node& product) {
  if (!has_avx512_vnni() || !is(product, Op::matmul)) return false;
  const Node& w = product.inputs[1].node();
  if (!is(w, Op::dequantize) || !is(w.inputs[0].node(), Op::constant)) return false;
  StoredWeights read;
  return std::all_of(w.inputs.begin(), w.inputs.end(), is_known) &&
         !read_stored_weights(product, w, read);
}

const char* weight_only_why_not(const Graph& region) {
  WeightOnly read;
  if (!has_avx512_vnni()) return "products with stored weights need AVX-512 VNNI";
  return read_weight_only(region, read);
}

const char* weight_only_why_not(const Node& node) {
  WeightOnly read;
  if (node.regions.empty()) return "it is another op";
  if (const char* reason = read_weight_only(*node.regions[0], read)) return reason;
  if (!has_avx512_vnni()) return "products with stored weights need AVX-512 VNNI";
  for (const int operand : {read.w, read.scales, read.zeros}) {
    if (operand < 0) continue;
    const Tensor& t = node.inputs[static_cast<size_t>(operand)];
    if (!is_known(t) || (operand == read.w && !is(t.node(), Op::constant))) {
      return "the weights or their scales are no constants";
    }
  }
  return plain_why_not(node);
}

std::unique_ptr<Call> make_weight_only_call(const Node& node) {
  return std::make_unique<WeightOnlyCall>(node);
}

}  // namespace suan::cpu
