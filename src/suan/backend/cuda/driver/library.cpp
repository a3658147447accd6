// Opening shared libraries. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/library.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace suan::cuda {
namespace {

namespace fs = std::filesystem;

std::atomic<bool> ends = false;

std::vector<std::string> named_folders() {
  const char* list = std::getenv("SUAN_CUDA_LIBRARIES");
  std::vector<std::string> folders;
  for (std::string_view rest = list ? list : ""; !rest.empty();) {
    const size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0) folders.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return folders;
}

std::vector<std::string> toolkit_folders() {
  std::vector<std::string> toolkits;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/usr/local", error)) {
    if (entry.path().filename().string().starts_with("cuda-13")) {
      toolkits.push_back(entry.path().string() + "/lib64");
    }
  }
  std::sort(toolkits.rbegin(), toolkits.rend());
  toolkits.insert(toolkits.begin(), "/usr/local/cuda/extras/CUPTI/lib64");
  toolkits.insert(toolkits.begin(), "/usr/local/cuda/lib64");
  toolkits.emplace_back("/usr/local/cuda/lib");
  return toolkits;
}

void* open_in(const std::vector<std::string>& folders, const char* name) {
  for (const std::string& folder : folders) {
    const std::string path = folder + '/' + name;
    std::error_code error;
    if (!fs::exists(path, error)) continue;
    if (void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

}  // namespace

std::string open_library(const char* name, std::initializer_list<Symbol> symbols) {
  void* library = open_in(named_folders(), name);
  std::string why_not;
  if (!library) {
    library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) why_not = dlerror();
  }
  if (!library) library = open_in(toolkit_folders(), name);
  if (!library) return why_not;
  for (const Symbol& symbol : symbols) {
    *symbol.address = dlsym(library, symbol.name);
    if (!*symbol.address) return fmt::format("{} has no {}: it is too old", name, symbol.name);
  }
  return {};
}

void watch_for_the_end() {
  static const int once = std::atexit([] { ends = true; });  // before what was registered earlier
  static_cast<void>(once);
}
bool process_ends() { return ends; }

std::string_view name_of_call(std::string_view call) { return call.substr(0, call.find('(')); }

}  // namespace suan::cuda
