// Numbers of 2, 4, 6 and 8 bits that are stored and converted but never computed with. In memory
// each element takes a byte. https://onnx.ai/onnx/technical/float8.html (and float4.html,
// int4.html)
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/base/dtype.h"

namespace suan {

// The value of an element of a small float: f8e4m3fn and f8e5m2 are OCP's, the fnuz ones have no
// negative zero and no infinity, f8e8m0 is a power of two, those of 4 and 6 bits have neither
// infinity nor NaN.
float decode_small(DType dtype, uint8_t bits);
// The nearest element, ties to even (f8e8m0: the power of two above). What is too large becomes the
// largest element with `saturate`, else infinity or NaN (f8e8m0: also what is too small).
uint8_t encode_small(DType dtype, float value, bool saturate = true);

// The least and largest value of a small integer.
struct SmallRange {
  int low, high;
};
SmallRange small_range(DType dtype);
int bits_of(DType dtype);  // that one element has: 2, 4, 6 or 8 for these types

}  // namespace suan
