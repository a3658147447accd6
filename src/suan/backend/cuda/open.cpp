// Finds libsuan_cuda.so and calls its functions. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/open.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>

#include "suan/base/error.h"

namespace suan::cuda {
namespace {

namespace fs = std::filesystem;

struct Entries {
  OpenEntry open = nullptr;
  CountEntry count = nullptr;
  DescribeEntry describe = nullptr;
  CompileEntry compile = nullptr;
  std::string why_not;  // empty: all are there
};

constexpr const char* kLibrary = "libsuan_cuda.so";

// The folders beside the program and, where this code is in a shared library, beside that.
std::vector<fs::path> candidates() {
  if (const char* named = std::getenv("SUAN_CUDA_LIBRARY")) return {named};
  std::vector<fs::path> paths;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (!error) paths = {program / kLibrary, program / ".." / "lib" / kLibrary};
  Dl_info here;
  if (dladdr(reinterpret_cast<const void*>(&open_gpu), &here) != 0 && here.dli_fname) {
    paths.push_back(fs::path(here.dli_fname).parent_path() / kLibrary);
  }
  paths.emplace_back(kLibrary);
  return paths;
}

Entries find_entries() {
  Entries entries;
  void* library = nullptr;
  for (const fs::path& path : candidates()) {
    std::error_code error;
    if (path.has_parent_path() && !fs::exists(path, error)) {
      entries.why_not = fmt::format("{} is not there", path.string());
      continue;
    }
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library) break;
    entries.why_not = dlerror();
    if (path.has_parent_path()) break;  // it is there and cannot be opened: that is the reason
  }
  if (!library) {
    entries.why_not = "the CUDA part cannot be opened: " + entries.why_not;
    return entries;
  }
  entries.open = reinterpret_cast<OpenEntry>(dlsym(library, "suan_cuda_open"));
  entries.count = reinterpret_cast<CountEntry>(dlsym(library, "suan_cuda_count"));
  entries.describe = reinterpret_cast<DescribeEntry>(dlsym(library, "suan_cuda_describe"));
  entries.compile = reinterpret_cast<CompileEntry>(dlsym(library, "suan_cuda_compile"));
  const bool all = entries.open && entries.count && entries.describe && entries.compile;
  entries.why_not = all ? "" : fmt::format("{} is not Suan's", kLibrary);
  return entries;
}

const Entries& library() {
  static const Entries entries = find_entries();  // stays open until the process ends
  return entries;
}

}  // namespace

std::shared_ptr<Gpu> open_gpu(int index, Memory memory, std::string& why_not) {
  why_not = library().why_not;
  if (!why_not.empty()) return nullptr;
  return std::shared_ptr<Gpu>(library().open(index, memory, kEntryVersion, &why_not));
}

int count_gpus(std::string& why_not) {
  why_not = library().why_not;
  return why_not.empty() ? library().count(kEntryVersion, &why_not) : 0;
}

std::optional<GpuTraits> describe_gpu(int index, std::string& why_not) {
  why_not = library().why_not;
  GpuTraits traits;
  if (!why_not.empty() || !library().describe(index, kEntryVersion, &traits, &why_not)) return {};
  return traits;
}

std::string nvrtc_compile(const std::string& source, int architecture) {
  const std::string& why_not = library().why_not;
  if (!why_not.empty()) throw Error(ErrorCode::kUnsupported, "cuda", why_not);
  std::string result, error;
  bool is_there = false;
  if (!library().compile(source.c_str(), architecture, &result, &error, &is_there)) {
    throw Error(is_there ? ErrorCode::kSystem : ErrorCode::kUnsupported, "cuda", error);
  }
  return result;
}

}  // namespace suan::cuda
