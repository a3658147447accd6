// What a thread is to the budget of threads (base/threads.h), beside running loops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace suan {

// This thread's own setting of OpenMP, which oneDNN asks, follows the budget from here on. Called
// by every run; costs nothing where it does already.
void follow_thread_budget();

// This thread works in the background for good: it runs when a core has nothing else to do, and its
// parallel_for leaves the team to others.
void become_background_thread();
bool is_background_thread();

}  // namespace suan
