// Where log lines go.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/log.h"

#include <cstdio>
#include <cstdlib>

namespace suan {

LogLevel log_level() {
  static const LogLevel level = [] {
    const char* text = std::getenv("SUAN_LOG");
    const std::string_view value = text ? text : "warning";
    if (value == "debug") return LogLevel::kDebug;
    if (value == "info") return LogLevel::kInfo;
    return value == "silent" ? LogLevel::kSilent : LogLevel::kWarning;
  }();
  return level;
}

void log_line(LogLevel level, std::string_view text) {
  constexpr const char* kTags[] = {"debug: ", "", "warning: "};
  std::fprintf(stderr, "suan: %s%.*s\n", kTags[static_cast<int>(level)],
               static_cast<int>(text.size()), text.data());
}

}  // namespace suan
