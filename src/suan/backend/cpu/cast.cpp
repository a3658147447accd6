// One loop for each pair of dtypes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/cast.h"

#include <limits>
#include <type_traits>

#include "suan/backend/cpu/move.h"
#include "suan/base/threads.h"

namespace suan::cpu {
namespace {

template <class T>
constexpr bool kHalf = std::is_same_v<T, bfloat16> || std::is_same_v<T, float16>;

// As the reference does it: floats become integers by truncation, within the range, NaN gives 0.
template <class To, class From>
To converted(From x) {
  if constexpr (kHalf<From>) {
    return converted<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (kHalf<To>) {
    return To(static_cast<float>(x));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    using Wide = std::conditional_t<sizeof(To) <= 2, From, double>;  // holds the limits
    constexpr auto kLeast = static_cast<Wide>(std::numeric_limits<To>::min());
    constexpr auto kMost = static_cast<Wide>(std::numeric_limits<To>::max());
    const Wide value = x;
    if (value != value) return 0;
    if (value <= kLeast) return std::numeric_limits<To>::min();
    return value >= kMost ? std::numeric_limits<To>::max() : static_cast<To>(value);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace

const char* cast_why_not(const Node& node) {
  if (!is_arithmetic(node.inputs[0].dtype()) || !is_arithmetic(node.types[0].dtype)) {
    return "a dtype is only stored";
  }
  return plain_why_not(node);
}

void cast(const Node&, const KernelArgs& args) {
  const Operand &x = args.in[0], &y = args.out[0];
  visit(x.type.dtype, [&](auto from) {
    visit(y.type.dtype, [&](auto to) {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      const From* p = x.as<From>();
      To* q = y.as<To>();
      parallel_for(y.numel(), kThreadWork, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) q[i] = converted<To>(p[i]);
      });
    });
  });
}

}  // namespace suan::cpu
