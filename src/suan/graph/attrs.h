// Attrs: the attribute struct of a node behind one type-erased, immutable handle. A struct lists
// its members in fields(); equality, printing and parsing follow from that list.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "suan/base/dtype.h"
#include "suan/base/shape.h"

namespace suan {

// A named member of an attribute struct.
template <class A, class T>
struct Field {
  const char* name;
  T A::* member;
};
template <class A, class T>
Field(const char*, T A::*) -> Field<A, T>;

// Printing and parsing one attribute value as text; parse consumes from the front of `text` and
// returns false where the text does not fit.
void print_value(std::string& out, int64_t value);
void print_value(std::string& out, int value);
void print_value(std::string& out, bool value);
void print_value(std::string& out, double value);
void print_value(std::string& out, const std::string& value);  // quoted
void print_value(std::string& out, DType value);
void print_value(std::string& out, const Shape& value);
void print_value(std::string& out, const std::vector<int64_t>& value);
void print_value(std::string& out, const std::vector<double>& value);
bool parse_value(std::string_view& text, int64_t& value);
bool parse_value(std::string_view& text, int& value);
bool parse_value(std::string_view& text, bool& value);
bool parse_value(std::string_view& text, double& value);
bool parse_value(std::string_view& text, std::string& value);
bool parse_value(std::string_view& text, DType& value);
bool parse_value(std::string_view& text, Shape& value);
bool parse_value(std::string_view& text, std::vector<int64_t>& value);
bool parse_value(std::string_view& text, std::vector<double>& value);
// An enum attribute gives its names through enum_names(E), found by argument-dependent lookup, in
// the order of its values from 0.
template <class E>
  requires std::is_enum_v<E>
void print_value(std::string& out, E value) {
  out += enum_names(value)[static_cast<size_t>(value)];
}
bool parse_enum(std::string_view& text, std::span<const std::string_view> names, size_t& index);
template <class E>
  requires std::is_enum_v<E>
bool parse_value(std::string_view& text, E& value) {
  size_t index = 0;
  if (!parse_enum(text, enum_names(value), index)) return false;
  value = static_cast<E>(index);
  return true;
}

// Takes a [a-z0-9_]+ word from the front of text; empty where there is none.
std::string_view parse_word(std::string_view& text);
void skip_space(std::string_view& text);
bool parse_literal(std::string_view& text, std::string_view literal);

// The operations of one attribute struct, as a table.
struct AttrsType {
  std::shared_ptr<const void> (*defaults)();
  bool (*equal)(const void*, const void*);
  void (*print)(const void*, std::string&);  // "axis=1, keep=true"; every field
  // Parses "axis=1, keep=true" up to '}'; an unknown or ill-formed field gives null and its name.
  std::shared_ptr<const void> (*parse)(std::string_view& text, std::string& bad_field);
};

template <class A>
std::shared_ptr<const void> parse_attrs(std::string_view& text, std::string& bad_field) {
  auto value = std::make_shared<A>();
  skip_space(text);
  while (!text.empty() && text.front() != '}') {
    const std::string_view word = parse_word(text);
    bad_field = std::string(word);
    bool found = false;
    if (word.empty() || !parse_literal(text, "=")) return nullptr;
    std::apply(
        [&](auto... field) {
          ((word == field.name ? found = parse_value(text, (*value).*(field.member)) : false), ...);
        },
        A::fields());
    if (!found) return nullptr;
    skip_space(text);
    if (!parse_literal(text, ",")) break;
    skip_space(text);
  }
  return value;
}

template <class A>
void print_attrs(const void* attrs, std::string& out) {
  const A& value = *static_cast<const A*>(attrs);
  bool first = true;
  std::apply(
      [&](auto... field) {
        ((out += first ? "" : ", ", first = false, out += field.name, out += "=",
          print_value(out, value.*(field.member))),
         ...);
      },
      A::fields());
}

template <class A>
inline constexpr AttrsType kAttrsType{
    .defaults = []() -> std::shared_ptr<const void> { return std::make_shared<A>(); },
    .equal = [](const void* a,
                const void* b) { return *static_cast<const A*>(a) == *static_cast<const A*>(b); },
    .print = print_attrs<A>,
    .parse = parse_attrs<A>,
};

class Attrs {
 public:
  Attrs() = default;
  template <class A>
    requires requires { A::fields(); }
  Attrs(A value)  // NOLINT: implicit, so that make(op, inputs, SoftmaxAttrs{axis}) reads well
      : type_(&kAttrsType<A>), value_(std::make_shared<A>(std::move(value))) {}
  Attrs(const AttrsType* type, std::shared_ptr<const void> value)
      : type_(type), value_(std::move(value)) {}

  template <class A>
  const A& get() const {
    return *static_cast<const A*>(value_.get());
  }
  const AttrsType* type() const { return type_; }
  bool operator==(const Attrs& other) const {
    return type_ == other.type_ && (!type_ || type_->equal(value_.get(), other.value_.get()));
  }
  std::string text() const {
    std::string out;
    if (type_) type_->print(value_.get(), out);
    return out;
  }

 private:
  const AttrsType* type_ = nullptr;
  std::shared_ptr<const void> value_;
};

}  // namespace suan
