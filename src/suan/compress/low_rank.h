// Low rank: layers whose weights become the product of two smaller matrices, the nearest of their
// rank (Eckart and Young 1936). A k x k convolution becomes one to few channels and a 1 x 1
// convolution, as in Zhang et al., "Accelerating very deep convolutional networks", 2015.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <span>

#include "suan/nn/module.h"
#include "suan/train/technique.h"

namespace suan::compress {

struct LowRankOptions {  // one of them
  double energy = 0;     // the share of the sum of squared singular values that each layer keeps
  double flops = 0;      // the largest share of its multiplications that each layer keeps
};

// The fewest of the singular values `s`, which fall, whose squares have the share `energy` of all.
int64_t rank_for_energy(std::span<const double> s, double energy);
// The most with which rank (rows + columns) is at most flops times rows columns; at least 1.
int64_t rank_for_flops(int64_t rows, int64_t columns, double flops);

// Every nn::Linear and nn::Conv2d without groups below the module, where two factors of the rank
// that the options ask for need fewer multiplications than the layer; their number. Weights that
// two layers share stay.
int64_t factorise(nn::Module& module, const LowRankOptions& options);

// Technique "low_rank": does that when it begins; else gives layers the shapes of a checkpoint.
// Throws Error unless exactly one option is above 0 and both are at most 1, and where no layer gets
// smaller.
std::unique_ptr<train::Technique> make_low_rank(const train::Options& options);

}  // namespace suan::compress
