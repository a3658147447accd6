// Cases of batch, layer, RMS, group and instance normalization.
// SPDX-License-Identifier: Apache-2.0
#include "suan/ops/batch_norm.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/layer_norm.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"
#include "tests/ops/op_cases.h"

namespace suan {
namespace {

// All outputs of a node of this op, whose inputs from the third on are statistics and scales.
template <class A>
Tensors node_outputs(Op op, Tensors inputs, A attrs) {
  for (size_t i = 2; i < inputs.size(); ++i) {
    inputs[i] = cast(inputs[i], wide(inputs[0].dtype()));
  }
  const NodePtr n = make_node(op_def(op), std::move(inputs), attrs);
  Tensors out;
  for (size_t i = 0; i < n->types.size(); ++i) out.emplace_back(n, static_cast<int>(i));
  return out;
}

}  // namespace

const OpCases& cases_batch_norm() {
  const auto call = [](BatchNormAttrs a) -> Build {
    return [=](const Tensors& x) -> Tensors {
      const BatchNorm out = batch_norm(x[0], x[1], x[2], a);
      return {out.y, out.mean, out.variance};
    };
  };
  static const OpCases cases{
      .cases = {{"images", {real({3, 4, 2, 3}), real({4}), real({4})}, call({})},
                {"rows", {real({6, 3}), real({3}), real({3})}, call({.epsilon = 0.1})},
                {"volumes", {real({2, 2, 2, 1, 3}), real({2}), real({2})}, call({})},
                {"only y is used",
                 {real({4, 2, 3}), real({2}), real({2})},
                 [](const Tensors& x) { return batch_norm(x[0], x[1], x[2]).y; }},
                {"only the variance is used",
                 {real({4, 2, 3}), real({2}), real({2})},
                 [](const Tensors& x) { return batch_norm(x[0], x[1], x[2]).variance; }},
                {"known",
                 {given({2, 1}, {1, 3}), given({1}, {10}), given({1}, {5})},
                 call({.epsilon = 3}),
                 {.expected = {0, 10, 2, 1}}},
                {"far from zero",
                 {real({64, 2}, 1000, 1001), real({2}), real({2})},
                 call({}),
                 {.gradient = false, .tolerance = 20}},
                {"with known statistics",
                 {real({3, 2, 4}), real({2}), real({2}), real({2}), real({2}, 0.5, 2)},
                 [](const Tensors& x) -> Tensors {
                   return {batch_norm_inference(x[0], x[1], x[2], x[3], x[4], {.epsilon = 0.5})};
                 }}},
      .bad = {{[] { batch_norm(zeros({3}), zeros({3}), zeros({3})); },
               "batch_norm: x is [3], expected [n, c, ...] with elements"},
              {[] { batch_norm(zeros({2, 3}), zeros({2}), zeros({3})); },
               "batch_norm: scale is f32[2], expected f32[3]"},
              {[] { batch_norm(zeros({2, 3}), zeros({3}), zeros({3, 1})); },
               "batch_norm: shift is f32[3, 1], expected f32[3]"},
              {[] { batch_norm(zeros({2, 3}), zeros({3}), zeros({3}), {.epsilon = 0}); },
               "batch_norm: epsilon is 0, expected more than 0"},
              {[] { batch_norm(zeros({2, 3}, DType::i32), zeros({3}), zeros({3})); },
               "batch_norm: x is i32, expected a float"},
              {[] {
                 batch_norm_inference(zeros({3}), zeros({3}), zeros({3}), zeros({3}), zeros({3}));
               },
               "batch_norm_inference: x is f32[3], expected a float [n, c, ...]"},
              {[] {
                 batch_norm_inference(zeros({1, 3}), zeros({3}), zeros({3}), zeros({3}),
                                      zeros({2}));
               },
               "batch_norm_inference: scale, shift, mean or variance is [2], expected [3]"}},
  };
  return cases;
}

const OpCases& cases_batch_norm_gradient() {
  const auto call = [](BatchNormAttrs a) -> Build {
    return [=](const Tensors& x) { return node_outputs(Op::batch_norm_gradient, x, a); };
  };
  static const OpCases cases{
      .cases = {{"through batch_norm",
                 {real({3, 4, 2, 3}), real({4}), real({4})},
                 [](const Tensors& x) { return batch_norm(x[0], x[1], x[2]).y; }},
                {"by itself",
                 {real({4, 2, 3}), real({4, 2, 3}), real({2}), real({2}), real({2}, 0.5, 2)},
                 call({.epsilon = 0.25})}},
      .bad =
          {{[=] { call({})({zeros({2, 3}), zeros({3, 3}), zeros({3}), zeros({3}), zeros({3})}); },
            "batch_norm_gradient: g is f32[3, 3], expected f32[2, 3]"},
           {[=] { call({})({zeros({2, 3}), zeros({2, 3}), zeros({3}), zeros({2}), zeros({3})}); },
            "batch_norm_gradient: mean is f32[2], expected f32[3]"}},
  };
  return cases;
}

const OpCases& cases_layer_norm() {
  const auto call = [](LayerNormAttrs a) -> Build {
    return [=](const Tensors& x) {
      return layer_norm(x[0], x.size() > 1 ? x[1] : Tensor(), x.size() > 2 ? x[2] : Tensor(), a);
    };
  };
  static const OpCases cases{
      .cases = {{"scale and shift", {real({3, 5}), real({5}), real({5})}, call({})},
                {"scale", {real({2, 3, 4}), real({4})}, call({.epsilon = 0.1})},
                {"plain", {real({2, 3, 4})}, call({})},
                {"two axes", {real({2, 3, 4}), real({3, 4}), real({3, 4})}, call({.axes = 2})},
                {"all axes", {real({2, 5}), real({2, 5}), real({2, 5})}, call({.axes = 2})},
                {"shift",
                 {real({3, 4}), real({4})},
                 [](const Tensors& x) { return layer_norm(x[0], {}, x[1]); }},
                {"statistics",
                 {real({3, 4}), real({4})},
                 [](const Tensors& x) {
                   return node_outputs(Op::layer_norm, {x[0]}, LayerNormAttrs{});
                 }},
                {"known",
                 {given({1, 2}, {1, 3}), given({2}, {10, 1}), given({2}, {5, 0})},
                 call({.epsilon = 3}),
                 {.expected = {0, 0.5}}},
                {"known, of 16 bits",
                 {given({1, 2}, {1, 3}), given({2}, {10, 1}), given({2}, {5, 0})},
                 call({.epsilon = 3, .result = NormResult::bf16}),
                 {.gradient = false, .expected = {0, 0.5}}},
                {"groups",
                 {real({2, 6, 3}), real({6}), real({6})},
                 [](const Tensors& x) { return group_norm(x[0], 3, x[1], x[2]); }},
                {"plain groups",
                 {real({2, 4, 2, 2})},
                 [](const Tensors& x) { return group_norm(x[0], 1, {}, {}, 0.5); }},
                {"instances",
                 {real({2, 3, 2, 3}), real({3}), real({3})},
                 [](const Tensors& x) { return instance_norm(x[0], x[1], x[2], 0.1); },
                 {.tolerance = 2}}},
      .bad = {{[] { layer_norm(zeros({2, 3}), zeros({2})); },
               "layer_norm: scale is f32[2], expected f32[3]"},
              {[] { layer_norm(zeros({2, 3}), {}, zeros({2})); },
               "layer_norm: shift is f32[2], expected f32[3]"},
              {[] { layer_norm(zeros({2, 3}), {}, {}, {.axes = 3}); },
               "layer_norm: axes is 3, expected 1 to 2 for shape [2, 3]"},
              {[] { layer_norm(zeros({2, 3}), {}, {}, {.epsilon = -1}); },
               "layer_norm: epsilon is -1, expected more than 0"},
              {[] { layer_norm(zeros({2, 0})); }, "layer_norm: x is [2, 0], expected elements"},
              {[] { layer_norm(zeros({2, 3}, DType::i64)); },
               "layer_norm: x is i64, expected a float"},
              {[] { group_norm(zeros({2, 3}), 2); },
               "group_norm: 3 channels do not divide into 2 groups"},
              {[] { group_norm(zeros({2, 3}), 3, zeros({2})); },
               "group_norm: scale or shift is [2], expected [3]"},
              {[] { group_norm(zeros({3}), 3); }, "group_norm: x is [3], expected [n, c, ...]"},
              {[] { instance_norm(zeros({3})); }, "instance_norm: x is [3], expected [n, c, ...]"}},
  };
  return cases;
}

const OpCases& cases_layer_norm_gradient() {
  const auto call = [](LayerNormAttrs a) -> Build {
    return [=](const Tensors& x) { return node_outputs(Op::layer_norm_gradient, x, a); };
  };
  static const OpCases cases{
      .cases = {{"scaled",
                 {real({3, 4}), real({3, 4}), real({3}), real({3}, 0.5, 2), real({4})},
                 call({})},
                {"two axes",
                 {real({2, 3, 4}), real({2, 3, 4}), real({2}), real({2}, 0.5, 2)},
                 call({.axes = 2, .epsilon = 1})}},
      .bad = {{[=] { call({})({zeros({2, 3}), zeros({3, 3}), zeros({2}), zeros({2})}); },
               "layer_norm_gradient: g is f32[3, 3], expected f32[2, 3]"},
              {[=] { call({})({zeros({2, 3}), zeros({2, 3}), zeros({3}), zeros({2})}); },
               "layer_norm_gradient: mean is f32[3], expected f32[2]"},
              {[=] { call({})({zeros({2, 3}), zeros({2, 3}), zeros({2}), zeros({1})}); },
               "layer_norm_gradient: rstd is f32[1], expected f32[2]"}},
      .unused_attributes = {"result"},
  };
  return cases;
}

const OpCases& cases_rms_norm() {
  const auto call = [](LayerNormAttrs a) -> Build {
    return [=](const Tensors& x) { return rms_norm(x[0], x.size() > 1 ? x[1] : Tensor(), a); };
  };
  static const OpCases cases{
      .cases = {{"scale", {real({3, 5}), real({5})}, call({})},
                {"plain", {real({2, 3, 4})}, call({.epsilon = 0.1})},
                {"two axes", {real({2, 3, 4}), real({3, 4})}, call({.axes = 2})},
                {"statistics",
                 {real({3, 4})},
                 [](const Tensors& x) {
                   return node_outputs(Op::rms_norm, {x[0]}, LayerNormAttrs{});
                 }},
                {"known",
                 {given({1, 2}, {1, 3}), given({2}, {10, 1})},
                 call({.epsilon = 4}),
                 {.expected = {3.3333333333333335, 1}}},
                {"known, of 16 bits",
                 {given({1, 2}, {1, 3}), given({2}, {12, 1})},
                 call({.epsilon = 4, .result = NormResult::f16}),
                 {.gradient = false, .expected = {4, 1}}}},
      .bad = {{[] { rms_norm(zeros({2, 3}), zeros({2})); },
               "rms_norm: scale is f32[2], expected f32[3]"},
              {[] { rms_norm(zeros({2, 3}), {}, {.axes = 0}); },
               "rms_norm: axes is 0, expected 1 to 2 for shape [2, 3]"}},
  };
  return cases;
}

const OpCases& cases_rms_norm_gradient() {
  const auto call = [](LayerNormAttrs a) -> Build {
    return [=](const Tensors& x) { return node_outputs(Op::rms_norm_gradient, x, a); };
  };
  static const OpCases cases{
      .cases = {{"scaled", {real({3, 4}), real({3, 4}), real({3}, 0.5, 2), real({4})}, call({})},
                {"two axes",
                 {real({2, 3, 4}), real({2, 3, 4}), real({2}, 0.5, 2)},
                 call({.axes = 2, .epsilon = 1})}},
      .bad = {{[=] { call({})({zeros({2, 3}), zeros({2, 3}), zeros({3})}); },
               "rms_norm_gradient: rstd is f32[3], expected f32[2]"}},
      .unused_attributes = {"result"},
  };
  return cases;
}

}  // namespace suan
