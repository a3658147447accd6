// Convolution layers over 1, 2 or 3 spatial axes, and the transposed ones.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/module.h"
#include "suan/nn/sizes.h"
#include "suan/ops/conv.h"

namespace suan::nn {

template <int kAxes>
struct ConvOptions {
  Sizes<kAxes> kernel = 1;
  Sizes<kAxes> stride = 1;
  Sizes<kAxes> padding = 0;  // zeros, on both sides
  Sizes<kAxes> dilation = 1;
  int64_t groups = 1;
  bool bias = true;
};

// Cross-correlation of x [n, in, spatial...] (see conv); weight [out, in / groups, kernel...],
// bias [out]. Starts as in PyTorch. Throws Error when the groups do not divide in and out. A
// grouped one whose weight loses whole groups has that many fewer.
template <int kAxes>
struct Conv : Module {
  Conv(int64_t in, int64_t out, ConvOptions<kAxes> options = {});
  Tensor operator()(const Tensor& x) const;
  int64_t groups() const { return attrs_.groups; }

  StatePtr weight;
  StatePtr bias;
  // [out, rank, 1...], or none: the weight is then [rank, in, kernel...], a convolution before it.
  StatePtr factor;
  SUAN_MEMBERS(weight, bias, factor)

 private:
  ConvAttrs attrs_;  // its groups are those at the start
  int64_t outputs_per_group_;
};
using Conv1d = Conv<1>;
using Conv2d = Conv<2>;
using Conv3d = Conv<3>;

template <int kAxes>
struct ConvTransposeOptions {
  Sizes<kAxes> kernel = 1;
  Sizes<kAxes> stride = 1;
  Sizes<kAxes> padding = 0;         // takes this much off both sides of the output
  Sizes<kAxes> output_padding = 0;  // and adds this much at the end
  Sizes<kAxes> dilation = 1;
  int64_t groups = 1;
  bool bias = true;
};

// The adjoint of Conv: [n, in, spatial...] to [n, out, spatial'...] with size' = (size - 1) stride
// - 2 padding + dilation (kernel - 1) + 1 + output_padding. Weight [in, out / groups, kernel...].
template <int kAxes>
struct ConvTranspose : Module {
  ConvTranspose(int64_t in, int64_t out, ConvTransposeOptions<kAxes> options = {});
  Tensor operator()(const Tensor& x) const;

  StatePtr weight;
  StatePtr bias;
  SUAN_MEMBERS(weight, bias)

 private:
  ConvTransposeOptions<kAxes> options_;
};
using ConvTranspose1d = ConvTranspose<1>;
using ConvTranspose2d = ConvTranspose<2>;
using ConvTranspose3d = ConvTranspose<3>;

}  // namespace suan::nn
