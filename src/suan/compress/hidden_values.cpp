// Walks over graphs that look for the values of layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/hidden_values.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "suan/base/error.h"
#include "suan/compress/layers.h"
#include "suan/graph/users.h"
#include "suan/ops/op.h"

namespace suan::compress {
namespace {

constexpr std::string_view kWhere = "technique.distill";

bool is_layer(const Node& node) {
  return (is(node, Op::conv) || is(node, Op::matmul)) && node.inputs.size() > 1;
}

Tensor followed(const NodePtr& layer, const Users& users) {
  Tensor value(layer, 0);
  while (const NodePtr next = users.only(value.node())) {
    const bool goes_on = next->op->row || is(*next, Op::batch_norm) || is(*next, Op::layer_norm);
    if (!goes_on || !(next->types[0] == value.type())) break;
    value = Tensor(next, 0);
  }
  return value;
}

std::string names_of(const std::vector<HiddenValue>& values) {
  std::vector<std::string> names;
  for (const HiddenValue& v : values) names.push_back(v.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

const HiddenValue& named(const std::vector<HiddenValue>& values, const std::string& name,
                         const char* whose) {
  const auto found = std::ranges::find(values, name, &HiddenValue::name);
  if (found != values.end()) return *found;
  fail(kWhere, "the {} has no layer '{}', it has {}", whose, name,
       values.empty() ? "none" : names_of(values));
}

}  // namespace

std::vector<HiddenValue> layer_values(const Graph& graph) {
  const Users users(graph);
  std::vector<HiddenValue> values;
  std::map<std::string, int> seen;
  for (const NodePtr& node : graph.nodes()) {
    if (!is_layer(*node)) continue;
    std::string name = weights_name(*node);
    if (name.empty()) name = node->label;
    if (name.empty()) continue;
    const int count = ++seen[name];
    if (count > 1) name += fmt::format("_{}", count);
    values.push_back({name, followed(node, users)});
  }
  return values;
}

std::vector<HiddenValue> feature_maps(const Graph& graph) {
  std::unordered_set<const Node*> behind;  // a convolution
  std::vector<HiddenValue> maps;
  for (const NodePtr& node : graph.nodes()) {
    const bool from_map = std::ranges::any_of(
        node->inputs, [&](const Tensor& t) { return t && behind.contains(&t.node()); });
    if (!from_map && !is(*node, Op::conv)) continue;
    behind.insert(node.get());
    const Shape& shape = node->types[0].shape;
    if (shape.rank() != 4 || shape[2] * shape[3] == 1 || is(*node, Op::pad)) continue;
    const std::string size = fmt::format("{}x{}", shape[2], shape[3]);
    std::erase_if(maps, [&](const HiddenValue& m) { return m.name == size; });
    maps.push_back({size, Tensor(node, 0)});
  }
  return maps;
}

std::vector<HiddenPair> hidden_pairs(const Graph& student, const Graph& teacher,
                                     const std::vector<std::string>& names) {
  std::vector<HiddenPair> pairs;
  if (!names.empty()) {
    const auto ours = layer_values(student), its = layer_values(teacher);
    for (const std::string& name : names) {
      const size_t equals = name.find('=');
      const std::string other = equals == std::string::npos ? name : name.substr(equals + 1);
      pairs.push_back({name, named(ours, name.substr(0, equals), "model").value,
                       named(its, other, "teacher").value});
    }
    return pairs;
  }
  const auto ours = feature_maps(student), its = feature_maps(teacher);
  for (const HiddenValue& map : ours) {
    const auto found = std::ranges::find(its, map.name, &HiddenValue::name);
    if (found != its.end()) pairs.push_back({map.name, map.value, found->value});
  }
  if (pairs.empty()) {
    fail(kWhere,
         "no feature map of the model ({}) is as large as one of the teacher ({}): name pairs of "
         "layers",
         ours.empty() ? "none" : names_of(ours), its.empty() ? "none" : names_of(its));
  }
  return pairs;
}

}  // namespace suan::compress
