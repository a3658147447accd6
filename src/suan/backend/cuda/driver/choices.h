// Choices: which algorithms were measured as the fastest, kept in a text file of the cache folder:
// a line each, the key, a tab, the choice. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace suan::cuda {

class Choices {
 public:
  explicit Choices(std::string file) : file_(std::move(file)) {}  // "products.txt"
  std::optional<std::string> find(const std::string& key);
  void keep(const std::string& key, const std::string& choice);

 private:
  void load();
  std::string file_, path_;
  bool loaded_ = false;
  std::mutex mutex_;
  std::map<std::string, std::string> choices_;
};

}  // namespace suan::cuda
