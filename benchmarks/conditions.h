// Under which conditions a benchmark ran, as compare.py writes it into its results.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/format.h>
#include <sys/utsname.h>

#include <ctime>
#include <string>

#include "suan/base/threads.h"
#include "suan/target/machine.h"

namespace suan {

// Members of a JSON object: "threads", "date", "machine", "system" and "suan".
inline std::string conditions_json() {
  char date[16];
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof date, "%Y-%m-%d", std::localtime(&now));
  utsname system{};
  uname(&system);
  const std::string release = system.release;
  return fmt::format(
      R"("threads": {}, "date": "{}", "machine": "{}, {} cores", "system": "Linux {}", )"
      R"("suan": "{}")",
      num_threads(), date, cpu_model(), num_threads(), release.substr(0, release.find('-')),
      SUAN_VERSION);
}

}  // namespace suan
