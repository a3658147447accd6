// Cases of the Fourier transform. Lengths that go by factors or by a convolution have constants too
// large for the suite: they are in tests/formats/onnx/signals_test.cpp.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/fourier.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

Tensors parts(const ComplexTensor& x) { return {x.real, x.imag}; }
Build forward(int64_t axis = -1) {
  return [=](const Tensors& x) {
    return parts(dft({x[0], x.size() > 1 ? x[1] : Tensor()}, axis, false));
  };
}
Build inverse() {
  return [](const Tensors& x) { return parts(dft({x[0], x[1]}, true)); };
}

}  // namespace

const OpCases& cases_dft() {
  static const OpCases cases{
      .cases =
          {
              {"real",
               {given({4}, {1, 2, 3, 5})},
               forward(),
               {.expected = {11, -2, -3, -2, 0, 3, 0, -3}}},
              {"complex",
               {given({2}, {1, 2}), given({2}, {3, -1})},
               forward(),
               {.expected = {3, -1, 2, 4}}},
              {"inverse",
               {given({4}, {11, -2, -3, -2}), given({4}, {0, 3, 0, -3})},
               inverse(),
               {.expected = {1, 2, 3, 5, 0, 0, 0, 0}}},
              {"middle axis", {real({2, 6, 3}), real({2, 6, 3})}, forward(1), {.tolerance = 4}},
          },
      .bad = {{[] { dft({zeros({2}, DType::i32), {}}); },
               "dft: got i32[2], expected floats with 1 to 268435456 elements along the last axis"},
              {[] { dft({zeros({2, 0}), {}}); },
               "dft: got f32[2, 0], expected floats with 1 to 268435456 elements along the last "
               "axis"},
              {[] { dft({zeros({2}), zeros({3})}); },
               "dft: the parts are f32[2] and f32[3], expected the same"}},
  };
  return cases;
}

}  // namespace suan
