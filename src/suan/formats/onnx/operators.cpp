// All operators by name.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/operators.h"

#include <algorithm>
#include <unordered_map>

#include "suan/base/nearest.h"
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

std::string nearest_operator(std::string_view name) {
  const std::vector<std::string> names = operator_names();
  std::vector<std::string> short_names;
  for (const std::string& n : names) short_names.push_back(n.substr(n.rfind('.') + 1));
  const std::string best = nearest_name(name, short_names);
  const auto found = std::find(short_names.begin(), short_names.end(), best);
  return best.empty() ? best : names[static_cast<size_t>(found - short_names.begin())];
}

}  // namespace suan::onnx
