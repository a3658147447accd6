// compile(fn): traces a whole function once per input signature and runs it as one Program.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <vector>

#include "suan/autodiff/gradient.h"
#include "suan/base/arithmetic.h"
#include "suan/graph/state.h"
#include "suan/graph/tensor.h"

namespace suan {

class Program;
class RunContext;
struct Backend;

// The backend that compiled functions and lazy values use: "cpu" (default), "cuda" or "cuda:1" (a
// GPU by its number; "+managed" and "+peer" choose its memory), "reference", or "null" and
// "cuda-null" (which compute nothing: programs are planned for them). Throws Error for another
// name, and with the reason where a GPU cannot be used.
void set_backend(std::string_view name);
void set_backend(const Backend& backend);  // one made by hand, which must go on living
const Backend& current_backend();

struct CompileOptions {
  Arithmetic precision = Arithmetic::f32;  // bf16, f16, fp8: with f32 master values
  size_t memory_budget = 0;  // bytes of activations and scratch; 0: no limit (program.h)
};

// The part of a compiled function that does not depend on its C++ signature.
class CompiledFunction {
 public:
  using Traced = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
  CompiledFunction(Traced function, CompileOptions options);
  ~CompiledFunction();
  CompiledFunction(CompiledFunction&&) noexcept;

  std::vector<Tensor> operator()(const std::vector<Tensor>& args);
  // The program for these arguments, compiled if need be; nothing runs.
  std::shared_ptr<const Program> program(const std::vector<Tensor>& args);
  RunContext& context(const std::vector<Tensor>& args);
  // The sizes that the function read as integers while it was traced for these arguments, such as
  // "size(0) of f32[64, 10]": its graph holds for these alone.
  std::vector<std::string> specialisations(const std::vector<Tensor>& args);
  int compile_count() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

namespace detail {

inline void flatten_result(const Tensor& t, std::vector<Tensor>& out) { out.push_back(t); }
inline void flatten_result(const std::vector<Tensor>& ts, std::vector<Tensor>& out) {
  out.insert(out.end(), ts.begin(), ts.end());
}
template <class... T>
void flatten_result(const std::tuple<T...>& ts, std::vector<Tensor>& out) {
  std::apply([&](const auto&... t) { (flatten_result(t, out), ...); }, ts);
}

// Rebuilds a result of type R from its tensors.
template <class R>
R build_result(std::vector<Tensor>& flat, size_t& next) {
  if constexpr (std::is_same_v<R, Tensor>) {
    return std::move(flat[next++]);
  } else if constexpr (std::is_same_v<R, std::vector<Tensor>>) {
    return {flat.begin() + static_cast<std::ptrdiff_t>(next), flat.end()};  // the last member
  } else {
    return [&]<class... T>(std::tuple<T...>*) {
      return std::tuple<T...>{build_result<T>(flat, next)...};
    }(static_cast<R*>(nullptr));
  }
}

template <class>
using AsTensor = Tensor;
inline Tensor as_tensor(const Tensor& t) { return t; }
inline Tensor as_tensor(const Array& array) { return Tensor::from(array); }

}  // namespace detail

// A function of Tensors, compiled at its first call for each combination of argument types. It may
// return a Tensor, a vector of Tensors, a tuple of these, or nothing, and may read and assign
// states.
template <class F>
class Compiled {
 public:
  explicit Compiled(F f, CompileOptions options = {})
      : function_(std::make_shared<F>(std::move(f))), options_(options) {}

  template <class... Args>
  auto operator()(const Args&... args) {
    using R = std::invoke_result_t<F&, detail::AsTensor<Args>...>;
    std::vector<Tensor> flat = core<sizeof...(Args)>()({detail::as_tensor(args)...});
    if constexpr (!std::is_void_v<R>) {
      size_t next = 0;
      return detail::build_result<R>(flat, next);
    }
  }
  template <class... Args>
  std::shared_ptr<const Program> program(const Args&... args) {
    return core<sizeof...(Args)>().program({detail::as_tensor(args)...});
  }
  template <class... Args>
  RunContext& context(const Args&... args) {
    return core<sizeof...(Args)>().context({detail::as_tensor(args)...});
  }
  template <class... Args>
  std::vector<std::string> specialisations(const Args&... args) {
    return core<sizeof...(Args)>().specialisations({detail::as_tensor(args)...});
  }
  int compile_count() const { return core_ ? core_->compile_count() : 0; }

 private:
  template <size_t kCount>
  CompiledFunction& core() {
    if (!core_) {
      core_ = std::make_unique<CompiledFunction>(
          [f = function_](const std::vector<Tensor>& args) {
            std::vector<Tensor> out;
            [&]<size_t... I>(std::index_sequence<I...>) {
              if constexpr (std::is_void_v<decltype((*f)(args[I]...))>) {
                (*f)(args[I]...);
              } else {
                detail::flatten_result((*f)(args[I]...), out);
              }
            }(std::make_index_sequence<kCount>());
            return out;
          },
          options_);
    }
    return *core_;
  }
  std::shared_ptr<F> function_;
  CompileOptions options_;
  std::unique_ptr<CompiledFunction> core_;
};

template <class F>
Compiled<F> compile(F f, CompileOptions options = {}) {
  return Compiled<F>(std::move(f), options);
}

// d loss / d state for each state, at the values the states have now.
std::vector<Tensor> grad(const Tensor& loss, const std::vector<StatePtr>& states);
std::vector<Tensor> grad(const Tensor& loss, const std::vector<Tensor>& inputs);

// f and its gradients in its Tensor arguments: returns {value, gradients}.
template <class F>
auto value_and_grad(F f) {
  return [f = std::move(f)](const auto&... args) {
    const std::vector<Tensor> inputs{args...};
    const Tensor value = f(args...);
    return std::tuple<Tensor, std::vector<Tensor>>(value, grad(value, inputs));
  };
}

// Computes all of these values in one program. Throws Error inside a trace.
void realise(const std::vector<Tensor>& tensors);
// Realises the pending values of states.
void realise(const std::vector<StatePtr>& states);

}  // namespace suan
