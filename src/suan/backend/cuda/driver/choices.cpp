// Reading and writing files of choices. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/choices.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "suan/base/file.h"

namespace suan::cuda {

void Choices::load() {
  if (loaded_) return;
  loaded_ = true;
  const std::string folder = cache_folder();
  if (folder.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder + "/cuda", error);
  if (error) return;
  path_ = folder + "/cuda/" + file_;
  std::ifstream in(path_);
  std::string line;
  while (std::getline(in, line)) {
    const size_t tab = line.find('\t');
    if (tab != std::string::npos) choices_[line.substr(0, tab)] = line.substr(tab + 1);
  }
}

std::optional<std::string> Choices::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  load();
  const auto it = choices_.find(key);
  return it == choices_.end() ? std::nullopt : std::optional(it->second);
}

// Failing only means measuring again next time.
void Choices::keep(const std::string& key, const std::string& choice) {
  const std::lock_guard lock(mutex_);
  load();
  choices_[key] = choice;
  if (path_.empty()) return;
  std::FILE* file = std::fopen(path_.c_str(), "ae");
  if (!file) return;
  const std::string line = key + '\t' + choice + '\n';
  std::fwrite(line.data(), 1, line.size(), file);  // one write: lines of two processes stay whole
  std::fclose(file);
}

}  // namespace suan::cuda
