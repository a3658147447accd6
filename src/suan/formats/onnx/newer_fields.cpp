// Fields that parsing kept as unknown.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/newer_fields.h"

#include <fmt/core.h>
#include <google/protobuf/unknown_field_set.h>

#include "suan/base/error.h"

namespace suan::onnx {
namespace {

// The contents of all fields of this number that hold text or a message.
std::vector<std::string> fields(const google::protobuf::Message& message, int number) {
  std::vector<std::string> found;
  const auto& unknown = message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const auto& field = unknown.field(i);
    const bool is_text = field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED;
    if (field.number() == number && is_text) found.push_back(field.length_delimited());
  }
  return found;
}

std::string key(const std::string& domain, const std::string& name,
                const std::vector<std::string>& overload) {
  const std::string plain = domain + "." + name;
  return overload.empty() || overload.back().empty() ? plain : plain + ":" + overload.back();
}

}  // namespace

std::string function_key(const ::onnx::FunctionProto& function) {
  return key(function.domain(), function.name(), fields(function, 13));
}
std::string function_key(const ::onnx::NodeProto& node) {
  return key(node.domain(), node.op_type(), fields(node, 8));
}

std::vector<::onnx::AttributeProto> default_attributes(const ::onnx::FunctionProto& function) {
  std::vector<::onnx::AttributeProto> attributes;
  for (const std::string& bytes : fields(function, 11)) {
    if (!attributes.emplace_back().ParseFromString(bytes)) {
      fail(ErrorCode::kBadFile, "function", "'{}' has a damaged attribute", function.name());
    }
  }
  return attributes;
}

}  // namespace suan::onnx
