// Modules: kernels by name, from the code in this library and from sources compiled at run time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "suan/backend/cuda/driver/queue.h"
#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

struct LoadedFunction final : FunctionInfo {
  using FunctionInfo::FunctionInfo;
  CUfunction function = nullptr;
  size_t params_bytes = 0;                        // of its one argument
  unsigned shared_bytes = 0;                      // that it declares itself
  mutable std::atomic<unsigned> shared_limit{0};  // that a launch may ask for beside them
};

class Modules {
 public:
  Modules(std::shared_ptr<Queue> queue, int architecture);
  ~Modules();
  Modules(const Modules&) = delete;
  Modules& operator=(const Modules&) = delete;

  Function own(std::string_view name);
  Function compiled(const std::string& source, std::string_view name);
  void launch(Function function, const Launch& launch, const void* params, size_t bytes) const;

 private:
  // Nothing of the queue is asked for while mutex_ is held: a recording holds its turn and may come
  // here.
  Function find(const std::string& key) const;
  Function locked_find(const std::string& key) const;
  CUmodule load(const std::string& key, const std::string& source);
  Function keep(const std::string& key, std::string_view name, CUfunction function);

  std::shared_ptr<Queue> queue_;
  int architecture_;
  mutable std::mutex mutex_;
  std::vector<CUmodule> own_;                 // those loaded so far
  std::map<std::string, CUmodule> compiled_;  // by key of the source
  std::map<std::string, std::unique_ptr<LoadedFunction>> functions_;
};

}  // namespace suan::cuda
