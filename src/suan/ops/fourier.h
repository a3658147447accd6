// Fourier transforms, as graphs of matrix products.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/tensor.h"

namespace suan {

// A tensor of complex numbers: its parts, of one shape. Without `imag` all of them are real.
struct ComplexTensor {
  Tensor real, imag;
};

// Along the last axis, of n elements: y_k = sum_j x_j exp(-2 pi i j k / n), the inverse
// y_k = 1 / n sum_j x_j exp(2 pi i j k / n). Any n; work grows as n times the sum of its factors
// (Cooley and Tukey 1965), with large prime factors by way of a power of 2 (Bluestein 1970).
// Throws Error where there is no axis, it is empty, or x is not a float.
ComplexTensor dft(const ComplexTensor& x, bool inverse = false);
// The same along any axis.
ComplexTensor dft(const ComplexTensor& x, int64_t axis, bool inverse);

}  // namespace suan
