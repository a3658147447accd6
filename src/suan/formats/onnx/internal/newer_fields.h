// Fields of functions and nodes that the packaged messages do not know: those of IR version 9 on,
// read by their numbers. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

namespace suan::onnx {

// What a function is found by, and a node that may call it: domain, name and overload.
std::string function_key(const ::onnx::FunctionProto& function);
std::string function_key(const ::onnx::NodeProto& node);
// The attributes that a call need not give, with their values.
std::vector<::onnx::AttributeProto> default_attributes(const ::onnx::FunctionProto& function);

}  // namespace suan::onnx
