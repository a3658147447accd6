// A fresh folder for one test, removed at its end. Where `memory` is set it takes no disk, if the
// system has such a place.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdlib.h>

#include <filesystem>
#include <string>

#include "suan/base/file.h"

namespace suan {

class TempFolder {
 public:
  explicit TempFolder(bool memory = false) {
    std::filesystem::path place = std::filesystem::temp_directory_path();
    if (memory && std::filesystem::is_directory("/dev/shm")) place = "/dev/shm";
    std::string name = (place / "suan-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  // Writes a file of that name and gives its path.
  std::string file(const std::string& name, std::string_view contents) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    write_file_atomically(*this / name, contents);
    return *this / name;
  }

 private:
  std::string path_;
};

}  // namespace suan
