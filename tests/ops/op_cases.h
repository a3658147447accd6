// What each op is tried on: inputs, calls and mistakes. The generic suite (op_suite_test.cpp)
// checks every op in ops/op_list.inc on its cases; an op without a `cases_<op>` function does not
// link. Functions made of ops stand in function_list.inc. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "suan/base/error.h"
#include "suan/graph/op_def.h"

namespace suan {

using Tensors = std::vector<Tensor>;

// One input. Without a dtype it takes the one under test.
struct In {
  enum class Kind { uniform, distinct, whole, given };
  Shape shape;
  Kind kind = Kind::uniform;
  double low = -2, high = 2;  // uniform: [low, high), never within 0.05 of 0; whole: [low, high)
  std::vector<double> values;
  std::optional<DType> dtype;
};
inline In real(Shape shape, double low = -2, double high = 2) {
  return {.shape = shape, .low = low, .high = high};
}
// Multiples of 1/4, no two the same: for ops whose gradient jumps at ties.
inline In distinct(Shape shape) { return {.shape = shape, .kind = In::Kind::distinct}; }
// Whole numbers in [low, high).
inline In whole(Shape shape, double low, double high, DType dtype = DType::i64) {
  return {.shape = shape, .kind = In::Kind::whole, .low = low, .high = high, .dtype = dtype};
}
inline In indices(Shape shape, int64_t count, DType dtype = DType::i64) {
  return whole(shape, 0, static_cast<double>(count), dtype);
}
inline In booleans(Shape shape) { return whole(shape, 0, 2, DType::boolean); }
inline In given(Shape shape, std::vector<double> values, std::optional<DType> dtype = {}) {
  return {.shape = shape, .kind = In::Kind::given, .values = std::move(values), .dtype = dtype};
}

// A call of the op's public function: the inputs to one tensor or several.
class Build {
 public:
  template <class F>
    requires std::is_invocable_v<F, const Tensors&>
  Build(F f)  // NOLINT: implicit, so that a lambda is a Build
      : call_([f](const Tensors& x) -> Tensors {
          if constexpr (std::is_same_v<decltype(f(x)), Tensor>) {
            return {f(x)};
          } else {
            return f(x);
          }
        }) {}
  Tensors operator()(const Tensors& x) const { return call_(x); }

 private:
  std::function<Tensors(const Tensors&)> call_;
};

// What the suite checks in a case, and how closely.
struct Checks {
  bool gradient = true;         // compare the gradient with differences
  bool second_gradient = true;  // and the gradient's gradient
  bool integers = false;        // run it on the integer dtypes too
  double tolerance = 1;         // times what the dtype allows
  double gradient_tolerance = 1e-6;
  std::vector<double> expected;  // all outputs' elements in order, where known from elsewhere
};
struct OpCase {
  std::string name;
  std::vector<In> inputs;
  Build build;
  Checks checks;
};

// A mistake: the call throws an Error with this code and exactly this text, on every backend.
struct BadCase {
  std::function<void()> call;
  std::string message;
  ErrorCode code = ErrorCode::kInvalidArgument;
};

struct OpCases {
  std::vector<OpCase> cases;
  std::vector<BadCase> bad;
  std::vector<std::string> unused_attributes;  // of a struct shared with other ops
  std::string covered_by;  // for ops that no user calls: the test that covers them instead
};

struct NamedCases {
  std::string name;
  const OpDef* op;  // null: a function made of ops
  const OpCases* cases;
};
// In the order of ops/op_list.inc, then that of function_list.inc.
const std::vector<NamedCases>& all_cases();

#define OP(name) const OpCases& cases_##name();
#include "suan/ops/op_list.inc"
#undef OP
#define FUNCTION(name) const OpCases& cases_##name();
#include "tests/ops/function_list.inc"
#undef FUNCTION

}  // namespace suan
