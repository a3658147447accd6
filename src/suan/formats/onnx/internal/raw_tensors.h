// The large raw tensors of a model file, taken out of its message before that is parsed: protobuf
// would copy each of them twice. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace suan::onnx {

struct SplitModel {
  std::string message;  // a ModelProto without those raw_data
  // The raw_data of each initializer of the main graph, within the bytes given; empty: it is in the
  // message, if anywhere.
  std::vector<std::string_view> raw;
};

// Bytes that are no message are left whole, for the parser to refuse.
SplitModel split_model(std::string_view bytes);

}  // namespace suan::onnx
