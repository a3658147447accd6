// First values of parameters. Every call draws from a stream of its own, so what one parameter gets
// does not depend on how many numbers the ones before it took.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/base/random.h"
#include "suan/graph/state.h"

namespace suan::nn {

// Starts the streams anew: the same seed and the same construction give the same parameters. The
// seed at program start is 0.
void seed(uint64_t seed);
// The next unused stream.
Random next_random();
// A state i64[2] that is a key for random_uniform, of a stream of its own.
StatePtr random_key(std::string name);

namespace init {

enum class Fan { in, out };
// The numbers of inputs and outputs that one output or input element depends on, for a weight
// [out, in, kernel...]. Throws Error for fewer than two axes.
int64_t fan(const Shape& weight, Fan which);

void constant(const StatePtr& state, double value);
void uniform(const StatePtr& state, double low, double high);
void normal(const StatePtr& state, double mean = 0, double std = 1);
// The normal distribution, without what lies outside [low, high].
void trunc_normal(const StatePtr& state, double mean = 0, double std = 1, double low = -2,
                  double high = 2);
// U(-b, b) with b = gain sqrt(6 / (fan_in + fan_out)). Glorot and Bengio, AISTATS 2010.
void xavier_uniform(const StatePtr& state, double gain = 1);
// N(0, s^2) with s = gain sqrt(2 / (fan_in + fan_out)).
void xavier_normal(const StatePtr& state, double gain = 1);
// U(-b, b) with b = gain sqrt(3 / fan); gain sqrt(2) is for relu. He et al., ICCV 2015.
void kaiming_uniform(const StatePtr& state, double gain = 1.4142135623730951, Fan mode = Fan::in);
// N(0, s^2) with s = gain / sqrt(fan).
void kaiming_normal(const StatePtr& state, double gain = 1.4142135623730951, Fan mode = Fan::in);
// Orthonormal rows or columns, whichever are fewer, of the weight as a matrix [out, rest], times
// gain. Saxe et al., ICLR 2014.
void orthogonal(const StatePtr& state, double gain = 1);

// What PyTorch gives linear and convolution layers: weight and bias in U(-b, b), b = 1 / sqrt(fan).
void linear_default(const StatePtr& weight, const StatePtr& bias);

}  // namespace init
}  // namespace suan::nn
