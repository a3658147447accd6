// All operators by name.
// SPDX-License-Identifier: Apache-2.0
#include <unordered_map>

#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {
namespace {

constexpr std::span<const OperatorRule> (*const kFiles[])() = {
#define RULES(name) name##_rules,
#include "suan/formats/onnx/internal/rule_files.inc"
#undef RULES
};

const std::unordered_map<std::string_view, const OperatorRule*>& table() {
  static const auto* table = [] {
    auto* t = new std::unordered_map<std::string_view, const OperatorRule*>;
    for (const auto& file : kFiles) {
      for (const OperatorRule& rule : file()) t->emplace(rule.name, &rule);
    }
    return t;
  }();
  return *table;
}

}  // namespace

const OperatorRule* find_operator(std::string_view domain, std::string_view name) {
  const bool standard = domain.empty() || domain == "ai.onnx";
  const std::string key = standard ? std::string(name) : fmt::format("{}.{}", domain, name);
  const auto found = table().find(key);
  return found == table().end() ? nullptr : found->second;
}

std::vector<std::string> operator_names() {
  std::vector<std::string> names;
  for (const auto& [name, rule] : table()) names.emplace_back(name);
  return names;
}

}  // namespace suan::onnx
