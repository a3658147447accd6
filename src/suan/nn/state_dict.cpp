// States of a module as named arrays, and back.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/state_dict.h"

#include <unordered_map>

#include "suan/base/error.h"

namespace suan::nn {
namespace {

Array converted(const Array& from, DType dtype) {
  if (from.dtype == dtype) return from;
  Array to(dtype, from.shape);
  visit(from.dtype, [&](auto from_tag) {
    using From = typename decltype(from_tag)::type;
    visit(dtype, [&](auto to_tag) {
      using To = typename decltype(to_tag)::type;
      using Wide = std::conditional_t<std::is_integral_v<To>, int64_t, float>;
      for (int64_t i = 0; i < from.numel(); ++i) {
        to.as<To>()[i] = static_cast<To>(static_cast<Wide>(from.as<From>()[i]));
      }
    });
  });
  return to;
}

bool is_random_key(const NamedState& s) {
  return s.state->type() == Type(DType::i64, {2}) && s.name.ends_with("key");
}

}  // namespace

formats::NamedArrays state_dict(Module& module) {
  formats::NamedArrays out;
  for (const NamedState& s : module.named_states()) out.push_back({s.name, s.state->array()});
  return out;
}

void load_state_dict(Module& module, const formats::NamedArrays& arrays, LoadOptions options) {
  std::unordered_map<std::string_view, const Array*> given;
  for (const auto& entry : arrays) given[entry.name] = &entry.array;
  const std::vector<NamedState> states = module.named_states();
  for (const NamedState& s : states) {
    const auto it = given.find(s.name);
    if (it == given.end()) {
      if (options.strict && !is_random_key(s)) fail("load", "there is no '{}' to load", s.name);
      continue;
    }
    const Type& type = s.state->type();
    if (!(it->second->shape == type.shape) || is_float(it->second->dtype) != is_float(type.dtype)) {
      fail("load", "'{}' is {}, expected {}", s.name,
           to_string(Type(it->second->dtype, it->second->shape)), to_string(type));
    }
  }
  if (options.strict) {
    for (const NamedState& s : states) given.erase(s.name);
    for (const auto& entry : arrays) {
      if (given.contains(entry.name)) fail("load", "the model has no '{}'", entry.name);
    }
  }
  for (const NamedState& s : states) {
    if (const Array* array = formats::find(arrays, s.name)) {
      s.state->load(converted(*array, s.state->type().dtype));
    }
  }
}

}  // namespace suan::nn
