// The signal handler.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/interrupt.h"

#include <signal.h>
#include <unistd.h>

namespace suan::app {
namespace {

std::atomic<bool> stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void handle(int /*signal*/) {
  constexpr int kCancelled = 130;
  if (stop.exchange(true)) ::_exit(kCancelled);
}

}  // namespace

const std::atomic<bool>& stop_on_interrupt() {
  struct sigaction action = {};
  action.sa_handler = handle;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  return stop;
}

}  // namespace suan::app
