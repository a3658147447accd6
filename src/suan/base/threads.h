// The thread budget: who may use how many cores, and the one way kernels go parallel.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <type_traits>

namespace suan {

// Threads a run may use: set_num_threads(), else $SUAN_THREADS, else the cores this process may
// use.
int num_threads();
void set_num_threads(int count);  // throws Error unless 1 <= count <= 1024

// A non-owning reference to a callable (begin, end), so that kernels pass lambdas without
// allocating.
class RangeFunction {
 public:
  template <class F>
  RangeFunction(const F& f)  // NOLINT: implicit on purpose, as std::function_ref
      : object_(&f), call_([](const void* object, int64_t begin, int64_t end) {
          (*static_cast<const F*>(object))(begin, end);
        }) {}
  void operator()(int64_t begin, int64_t end) const { call_(object_, begin, end); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int64_t);
};

// Splits [0, n) into one contiguous range per thread, each at least `grain` long, and runs f(begin,
// end) on each. The split depends on n, grain and the thread count alone, so results that depend on
// it repeat. Of concurrent callers one at a time gets the team; the others run on their own thread.
void parallel_for(int64_t n, int64_t grain, RangeFunction f);

}  // namespace suan
