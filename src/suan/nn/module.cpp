// Walking the tree of modules.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/module.h"

#include <algorithm>
#include <unordered_set>

namespace suan::nn {
namespace {

void collect(Module& module, const std::string& prefix, std::vector<NamedState>& out) {
  const Members members = module.members();
  for (const Member& m : members.list()) {
    if (m.state) out.push_back({prefix + m.name, m.state});
    if (m.module) collect(*m.module, prefix + m.name + ".", out);
  }
}

Array filled(const Shape& shape, double value, DType dtype) {
  Array array(dtype, shape);
  visit(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (T& v : array.span<T>()) v = static_cast<T>(static_cast<float>(value));
  });
  return array;
}

}  // namespace

std::string next_member_name(std::string_view& names) {
  const size_t comma = names.find(',');
  std::string_view name = names.substr(0, comma);
  names = comma == std::string_view::npos ? std::string_view() : names.substr(comma + 1);
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  while (!name.empty() && (name.back() == ' ' || name.back() == '_')) name.remove_suffix(1);
  return std::string(name);
}

std::vector<NamedState> Module::named_states() {
  std::vector<NamedState> out;
  collect(*this, "", out);
  return out;
}

std::vector<StatePtr> Module::states() {
  std::vector<StatePtr> out;
  std::unordered_set<const State*> seen;
  for (const NamedState& s : named_states()) {
    if (s.name.size() > s.state->name().size()) s.state->set_name(s.name);
    if (seen.insert(s.state.get()).second) out.push_back(s.state);
  }
  return out;
}

std::vector<StatePtr> Module::parameters() {
  std::vector<StatePtr> out = states();
  std::erase_if(out, [](const StatePtr& s) { return !s->trainable(); });
  return out;
}

int64_t Module::parameter_count() {
  int64_t count = 0;
  for (const StatePtr& s : parameters()) count += s->type().shape.numel();
  return count;
}

void Module::train(bool training) {
  *training_ = training;
  const Members below = members();
  for (const Member& m : below.list()) {
    if (m.module) m.module->train(training);
  }
}

StatePtr parameter(std::string name, const Shape& shape) {
  return State::create(std::move(name), filled(shape, 0, DType::f32), true);
}

StatePtr buffer(std::string name, const Shape& shape, double value, DType dtype) {
  return State::create(std::move(name), filled(shape, value, dtype));
}

}  // namespace suan::nn
