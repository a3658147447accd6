// The one exception type of Suan. Library users catch suan::Error; messages are one clear line.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace suan {

// What kind of mistake an Error reports. Commands map kCancelled to exit code 130, all others to 2.
enum class ErrorCode {
  kInvalidArgument,  // the caller's shapes, dtypes, attributes or settings do not fit
  kBadFile,          // a file is missing, truncated or lies about its content
  kOutOfRange,       // a value found in data (label, index) is outside its bounds
  kUnsupported,      // valid, but no kernel or feature takes it
  kSystem,           // disk full, out of memory, library failure
  kNumeric,          // NaN or infinity where a finite value is needed
  kCancelled,        // the user asked to stop
};

// An error with the operation or file it concerns ("softmax", "train.csv") and a message that says
// what was got and what was expected. `what()` is "where: message".
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string_view where, std::string_view message)
      : std::runtime_error(std::string(where) + ": " + std::string(message)),
        code_(code),
        where_(where) {}
  ErrorCode code() const { return code_; }
  const std::string& where() const { return where_; }

 private:
  ErrorCode code_;
  std::string where_;
};

// Throws Error{code, where, formatted message}.
template <class... Args>
[[noreturn]] void fail(ErrorCode code, std::string_view where, fmt::format_string<Args...> format,
                       Args&&... args) {
  throw Error(code, where, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail(std::string_view where, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorCode::kInvalidArgument, where, fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void assert_failed(const char* condition, const char* why, const char* file, int line);

}  // namespace suan

// For mistakes of Suan's own programmers, never of its users: on in dev, off in release.
#ifdef NDEBUG
#define SUAN_ASSERT(condition, why) ((void)0)
#else
#define SUAN_ASSERT(condition, why) \
  ((condition) ? (void)0 : ::suan::assert_failed(#condition, why, __FILE__, __LINE__))
#endif
