// The names of all ONNX operators that have a rule.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace suan::onnx {

// Those outside the default domain are written "ai.onnx.ml.Scaler".
std::vector<std::string> operator_names();
// The one, of any domain, whose own name is most like this one; empty: none is.
std::string nearest_operator(std::string_view name);

}  // namespace suan::onnx
