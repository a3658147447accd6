// What is kept between runs (base/file.h: cache_folder) lies in a folder of the test's own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/temp_folder.h"

namespace suan {

class TempCache {
 public:
  TempCache() {
    if (const char* before = std::getenv(kName)) before_ = before;
    ::setenv(kName, folder_.path().c_str(), 1);
  }
  ~TempCache() {
    ::unsetenv(kName);
    if (before_) ::setenv(kName, before_->c_str(), 1);
  }
  TempCache(const TempCache&) = delete;
  TempCache& operator=(const TempCache&) = delete;

 private:
  static constexpr const char* kName = "XDG_CACHE_HOME";
  const TempFolder folder_;
  std::optional<std::string> before_;
};

}  // namespace suan
