// Cases of the convolutions.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/conv.h"

#include "suan/ops/leaf.h"
#include "tests/ops/op_cases.h"

namespace suan {

const OpCases& cases_conv() {
  const auto call = [](const ConvAttrs& a) -> Build {
    return [=](const Tensors& x) { return conv(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), a); };
  };
  static const OpCases cases{
      .cases =
          {
              {"one axis", {real({2, 3, 7}), real({4, 3, 3})}, call({})},
              {"bias", {real({2, 2, 5, 5}), real({3, 2, 3, 3}), real({3})}, call({})},
              {"stride and padding",
               {real({1, 2, 6, 5}), real({2, 2, 3, 3})},
               call({.stride = {2}, .pad_begin = {1}})},
              {"uneven everything",
               {real({1, 2, 7, 6}), real({2, 2, 2, 3}), real({2})},
               call(
                   {.stride = {1, 2}, .pad_begin = {1, 0}, .pad_end = {0, 2}, .dilation = {2, 1}})},
              {"groups",
               {real({2, 4, 5, 4}), real({6, 2, 3, 3})},
               call({.pad_begin = {1}, .groups = 2})},
              {"depthwise",
               {real({1, 3, 5, 5}), real({3, 1, 3, 3}), real({3})},
               call({.stride = {2}, .pad_begin = {1}, .groups = 3})},
              {"pointwise", {real({2, 3, 4, 4}), real({5, 3, 1, 1})}, call({})},
              {"16 to 8 channels", {real({2, 16, 3, 3}), real({8, 16, 1, 1})}, call({})},
              {"exact", {real({1, 2, 4, 4}), real({3, 2, 3, 3})}, call({.exact = true})},
              {"of whole numbers in TF32",
               {whole({1, 2, 4, 4}, -8, 8, DType::f32), whole({3, 2, 3, 3}, -8, 8, DType::f32)},
               call({.tf32 = true}),
               {.gradient = false}},
              {"three axes",
               {real({1, 2, 3, 4, 3}), real({2, 2, 2, 3, 2})},
               call({.pad_begin = {0, 1, 1}})},
              {"known",
               {given({1, 1, 4}, {1, 2, 3, 4}), given({1, 1, 2}, {1, -1})},
               call({}),
               {.expected = {-1, -1, -1}}},
          },
      .bad = {{[] { conv(zeros({1, 3, 5, 5}), zeros({2, 4, 3, 3})); },
               "conv: channels do not fit: x [1, 3, 5, 5], w [2, 4, 3, 3], groups 1"},
              {[] { conv(zeros({1, 3, 2, 2}), zeros({2, 3, 3, 3})); },
               "conv: kernel [2, 3, 3, 3] does not fit into [1, 3, 2, 2] with this padding"},
              {[] { conv(zeros({1, 3, 5, 5}), zeros({2, 3, 3, 3}), zeros({3})); },
               "conv: bias is [3], expected [2]"},
              {[] { conv(zeros({1, 3, 5, 5}), zeros({2, 3, 3, 3}), zeros({2}, DType::bf16)); },
               "conv: bias is bf16, expected f32"},
              {[] { conv(zeros({3, 5}), zeros({2, 3})); },
               "conv: got shapes [3, 5] and [2, 3], expected both of rank 3, 4 or 5"},
              {[] { conv(zeros({1, 3, 5, 5}), zeros({2, 3, 3, 3}), {}, {.stride = {1, 1, 1}}); },
               "conv: stride has 3 entries, expected 2"},
              {[] { conv(zeros({1, 3, 5, 5}), zeros({2, 3, 3, 3}), {}, {.stride = {0}}); },
               "conv: stride has 0, expected 1 to 1048576"},
              {[] { conv(zeros({1, 3, 5, 5}), zeros({2, 3, 3, 3}), {}, {.size = {3}}); },
               "conv: size is given, but follows from the input"}},
      .unused_attributes = {"size"},
  };
  return cases;
}

const OpCases& cases_conv_transpose() {
  const auto call = [](const ConvAttrs& a) -> Build {
    return [=](const Tensors& x) { return conv_transpose(x[0], x[1], a); };
  };
  static const OpCases cases{
      .cases =
          {
              {"one axis", {real({2, 3, 4}), real({3, 2, 3})}, call({})},
              {"stride doubles", {real({1, 2, 3, 3}), real({2, 3, 2, 2})}, call({.stride = {2}})},
              {"size chosen",
               {real({1, 2, 3, 3}), real({2, 2, 3, 3})},
               call({.stride = {2}, .pad_begin = {1}, .size = {6, 5}})},
              {"uneven",
               {real({1, 2, 3, 2}), real({2, 2, 2, 3})},
               call(
                   {.stride = {2, 1}, .pad_begin = {1, 0}, .pad_end = {0, 1}, .dilation = {1, 2}})},
              {"groups", {real({1, 4, 3, 3}), real({4, 2, 3, 3})}, call({.groups = 2})},
              {"8 to 16 channels", {real({2, 8, 3, 3}), real({8, 16, 1, 1})}, call({})},
              {"exact", {real({1, 2, 3, 3}), real({2, 1, 2, 2})}, call({.exact = true})},
              {"of whole numbers in TF32",
               {whole({1, 2, 3, 3}, -8, 8, DType::f32), whole({2, 1, 2, 2}, -8, 8, DType::f32)},
               call({.tf32 = true}),
               {.gradient = false}},
              {"three axes", {real({1, 2, 2, 2, 2}), real({2, 1, 2, 2, 2})}, call({})},
          },
      .bad = {{[] { conv_transpose(zeros({1, 2, 3, 3}), zeros({3, 2, 2, 2})); },
               "conv_transpose: channels do not fit: x [1, 2, 3, 3], w [3, 2, 2, 2], groups 1"},
              {[] { conv_transpose(zeros({1, 2, 3, 3}), zeros({2, 2, 2, 2}), {.size = {9, 9}}); },
               "conv_transpose: output size 9 does not fit input [1, 2, 3, 3] and kernel "
               "[2, 2, 2, 2]"}},
  };
  return cases;
}

const OpCases& cases_conv_weight_gradient() {
  const auto call = [](const ConvAttrs& a) -> Build {
    return [=](const Tensors& x) { return conv_weight_gradient(x[0], x[1], a); };
  };
  static const OpCases cases{
      .cases =
          {
              {"one axis", {real({2, 3, 6}), real({2, 4, 4})}, call({.size = {3}})},
              {"stride and padding",
               {real({2, 2, 6, 6}), real({2, 3, 3, 3})},
               call({.stride = {2}, .pad_begin = {1}, .size = {3, 3}})},
              {"uneven",
               {real({1, 2, 7, 6}), real({1, 2, 6, 3})},
               call({.stride = {1, 2},
                     .pad_begin = {1, 0},
                     .pad_end = {0, 1},
                     .dilation = {2, 1},
                     .size = {2, 3}})},
              {"groups",
               {real({1, 4, 4, 4}), real({1, 2, 2, 2})},
               call({.groups = 2, .size = {3, 3}})},
              {"16 to 8 channels",
               {real({2, 16, 3, 3}), real({2, 8, 3, 3})},
               call({.size = {1, 1}})},
              {"exact", {real({2, 3, 6}), real({2, 4, 4})}, call({.size = {3}, .exact = true})},
              {"of whole numbers in TF32",
               {whole({2, 3, 6}, -8, 8, DType::f32), whole({2, 4, 4}, -8, 8, DType::f32)},
               call({.size = {3}, .tf32 = true}),
               {.gradient = false}},
          },
      .bad = {{[] { conv_weight_gradient(zeros({2, 2, 6}), zeros({1, 3, 4}), {.size = {3}}); },
               "conv_weight_gradient: shapes do not fit: x [2, 2, 6], gradient [1, 3, 4], "
               "groups 1"},
              {[] { conv_weight_gradient(zeros({2, 2, 6}), zeros({2, 3, 4}), {.size = {4}}); },
               "conv_weight_gradient: kernel size 4 does not fit input [2, 2, 6] and gradient "
               "[2, 3, 4]"}},
  };
  return cases;
}

}  // namespace suan
