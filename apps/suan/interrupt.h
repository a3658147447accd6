// Ctrl-C: the first asks a training to save and stop, the second ends the process.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>

namespace suan::app {

// Set by SIGINT and SIGTERM from the first call on.
const std::atomic<bool>& stop_on_interrupt();

}  // namespace suan::app
