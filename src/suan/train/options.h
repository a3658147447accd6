// Options: named settings as text, for things that are chosen by name (a model, an optimizer, an
// augmentation) and have settings of their own. Reading them into a struct goes by its fields.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "suan/base/error.h"
#include "suan/base/nearest.h"
#include "suan/graph/attrs.h"

namespace suan::train {

struct Option {
  std::string text;     // as graph text prints it; a string without quotes
  bool string = false;  // so that it can be written back
  std::string where;    // "mnist.toml:12"
  bool operator==(const Option& other) const {
    return text == other.text && string == other.string;
  }
};
using Options = std::map<std::string, Option>;

namespace detail {

inline const char* expected(const int64_t&) { return "an integer"; }
inline const char* expected(const int&) { return "an integer"; }
inline const char* expected(const double&) { return "a number"; }
inline const char* expected(const float&) { return "a number"; }
inline const char* expected(const bool&) { return "true or false"; }
inline const char* expected(const std::string&) { return "a text"; }
template <class E>
  requires std::is_enum_v<E>
std::string expected(const E& value) {
  std::string names;
  for (const std::string_view name : enum_names(value)) {
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return names;
}
template <class T>  // whether TOML has it in quotes
inline constexpr bool kIsText = std::is_same_v<T, std::string> || std::is_enum_v<T>;

template <class T>
bool read_text(std::string_view text, T& value) {
  return parse_value(text, value) && text.empty();
}
inline bool read_text(std::string_view text, std::string& value) {
  value = text;
  return true;
}
inline bool read_text(std::string_view text, float& value) {
  double wide = 0;
  if (!read_text(text, wide)) return false;
  value = static_cast<float>(wide);
  return true;
}

}  // namespace detail

// Sets the fields that `options` names; `what` is for messages ("optimizer.adamw"). Throws Error
// with the option's place for an unknown one (naming the nearest) and for a value of the wrong
// type.
template <class T, class... Fields>
void read_options(std::string_view what, const Options& options, T& target,
                  const std::tuple<Fields...>& fields) {
  std::vector<std::string> names;
  std::apply([&](const auto&... field) { (names.emplace_back(field.name), ...); }, fields);
  for (const auto& [name, option] : options) {
    bool found = false;
    const auto read = [&](const auto& field) {
      if (name != field.name) return;
      found = true;
      auto& value = target.*(field.member);
      const bool text = detail::kIsText<std::remove_reference_t<decltype(value)>>;
      if (option.string != text || !detail::read_text(option.text, value)) {
        fail(option.where, "{}.{} is '{}', expected {}", what, name, option.text,
             detail::expected(value));
      }
    };
    std::apply([&](const auto&... field) { (read(field), ...); }, fields);
    if (!found) fail(option.where, "{}: {}", what, unknown_name("option", name, names));
  }
}

}  // namespace suan::train
