// parallel_for over OpenMP (the pool oneDNN uses too), or serial where OpenMP is off.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>

#include "suan/base/error.h"
#include "suan/base/thread_role.h"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace suan {
namespace {

int default_threads() {
  if (const char* text = std::getenv("SUAN_THREADS")) {
    const int count = std::atoi(text);
    if (count >= 1) return count;
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return 1;
}

std::atomic<int>& thread_setting() {
  static std::atomic<int> count{[] {
    const int threads = default_threads();
#ifdef _OPENMP
    omp_set_num_threads(threads);  // oneDNN asks OpenMP
#endif
    return threads;
  }()};
  return count;
}

std::atomic_flag team_taken = ATOMIC_FLAG_INIT;
thread_local bool in_background = false;

}  // namespace

int num_threads() { return thread_setting().load(std::memory_order_relaxed); }

void set_num_threads(int count) {
  if (count < 1 || count > 1024) fail("threads", "got {} threads, expected 1 to 1024", count);
  thread_setting() = count;
#ifdef _OPENMP
  omp_set_num_threads(count);
#endif
}

void follow_thread_budget() {
#ifdef _OPENMP
  thread_local int followed = 0;  // OpenMP keeps the setting for each thread
  const int count = num_threads();
  if (followed == count) return;
  omp_set_num_threads(count);
  followed = count;
#endif
}

void become_background_thread() {
  in_background = true;
  follow_thread_budget();
  const sched_param parameters{};
  sched_setscheduler(0, SCHED_IDLE, &parameters);  // 0: this thread; refused: it is only not idle
}
bool is_background_thread() { return in_background; }

void parallel_for(int64_t n, int64_t grain, RangeFunction f) {
  if (n <= 0) return;
  const int64_t pieces =
      std::min<int64_t>(num_threads(), std::max<int64_t>(1, n / std::max<int64_t>(1, grain)));
#ifdef _OPENMP
  if (pieces > 1 && !in_background && !omp_in_parallel() &&
      !team_taken.test_and_set(std::memory_order_acquire)) {
    std::exception_ptr error;
#pragma omp parallel num_threads(static_cast<int>(pieces))
    {
      // OpenMP may give fewer threads than asked for; the split into `pieces` must not change.
      for (int64_t i = omp_get_thread_num(); i < pieces; i += omp_get_num_threads()) {
        try {
          f(n * i / pieces, n * (i + 1) / pieces);
        } catch (...) {
#pragma omp critical
          error = std::current_exception();
        }
      }
    }
    team_taken.clear(std::memory_order_release);
    if (error) std::rethrow_exception(error);
    return;
  }
#endif
  for (int64_t i = 0; i < pieces; ++i) f(n * i / pieces, n * (i + 1) / pieces);
}

}  // namespace suan
