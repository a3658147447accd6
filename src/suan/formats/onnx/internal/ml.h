// What the operators of ai.onnx.ml share: transforms of scores, class labels, lists of numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {

// scores [n, m] after the transform of this name: NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT,
// along the last axis.
Tensor transform_scores(const NodeView& n, const Tensor& scores, std::string_view name);

// The labels of the classes as a tensor [count], from the attribute of integers or that of texts;
// undefined where neither is there. Throws Error where both are.
Tensor class_labels(const NodeView& n, std::string_view ints, std::string_view strings);

// x as a matrix of f32 or f64, a row for each sample.
Tensor as_rows(const NodeView& n, const Tensor& x);

Array list_of_texts(const std::vector<std::string>& texts);
// A list of numbers in this dtype.
Tensor numbers(const std::vector<double>& values, DType dtype);

}  // namespace suan::onnx
