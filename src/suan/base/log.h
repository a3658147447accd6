// Log lines on standard error, for people: `suan: warning: ...`. Level from $SUAN_LOG.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/core.h>

#include <string_view>

namespace suan {

enum class LogLevel { kDebug, kInfo, kWarning, kSilent };

LogLevel log_level();  // $SUAN_LOG = debug | info | warning (default) | silent
void log_line(LogLevel level, std::string_view text);

template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (level >= log_level()) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace suan
