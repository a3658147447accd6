// Module: the base of everything with parameters. SUAN_MEMBERS lists a struct's layers and states;
// names, saving, train and eval come from that list.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "suan/graph/state.h"
#include "suan/graph/trace.h"

namespace suan::nn {

class Module;

struct NamedState {
  std::string name;  // as in PyTorch's state_dict: "layers.0.weight"
  StatePtr state;
};

// A state or a module inside a module.
struct Member {
  std::string name;
  StatePtr state;  // one of these two is set
  Module* module = nullptr;
};

// What SUAN_MEMBERS lists, in that order. Takes states, modules, and optionals, pointers and
// vectors of them; absent ones (no bias) are left out, elements of vectors are named by index.
class Members {
 public:
  template <class T>
  void add(const std::string& name, T& member) {
    if constexpr (std::is_same_v<T, StatePtr>) {
      if (member) list_.push_back({name, member});
    } else if constexpr (std::is_base_of_v<Module, T>) {
      list_.push_back({name, nullptr, &member});
    } else if constexpr (requires { member.begin(); }) {
      int index = 0;
      for (auto& element : member) add(name + "." + std::to_string(index++), element);
    } else {
      if (member) add(name, *member);  // an optional or a pointer
    }
  }
  const std::vector<Member>& list() const { return list_; }

 private:
  std::vector<Member> list_;
};

// Takes the next name from "conv, head"; a trailing underscore is not part of it.
std::string next_member_name(std::string_view& names);

template <class... T>
Members list_members(std::string_view names, T&... members) {
  Members out;
  (out.add(next_member_name(names), members), ...);
  return out;
}

class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(Module&&) noexcept = default;  // no copies: two modules never share states by accident
  Module& operator=(Module&&) noexcept = default;

  virtual Members members() { return {}; }  // SUAN_MEMBERS overrides it

  // All states below this module with their paths, in the order of the members. A state that two
  // members share appears under both names.
  std::vector<NamedState> named_states();
  // Every state once. This and parameters() also write the path into the state's own name, where
  // that makes it longer.
  std::vector<StatePtr> states();
  std::vector<StatePtr> parameters();  // the trainable ones
  int64_t parameter_count();           // their elements

  // Training or evaluation (dropout, batch norm), here and below. Compiled functions that looked at
  // it keep one program for each mode.
  void train(bool training = true);
  void eval() { train(false); }
  bool training() const { return read_flag(training_); }

 private:
  std::shared_ptr<bool> training_ = std::make_shared<bool>(true);
};

template <class T>
using ModuleList = std::vector<T>;

// A new trainable state of this shape, zero; the layers' constructors fill it.
StatePtr parameter(std::string name, const Shape& shape);
// A state that is saved but not trained, with every element equal to `value`.
StatePtr buffer(std::string name, const Shape& shape, double value, DType dtype = DType::f32);

}  // namespace suan::nn

// Lists the states and modules among a struct's members, separated by commas. A struct derived from
// another module lists the inherited ones again.
#define SUAN_MEMBERS(...)                                       \
  ::suan::nn::Members members() override {                      \
    return ::suan::nn::list_members(#__VA_ARGS__, __VA_ARGS__); \
  }
