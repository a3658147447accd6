// The emulated GPU's memory, queue and kernels. Copies must lie within one block.
// SPDX-License-Identifier: Apache-2.0
#include "tests/emulate/emulated_gpu.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "suan/backend/cuda/backend.h"
#include "suan/backend/cuda/prelude.h"
#include "suan/base/error.h"
#include "tests/emulate/threads.h"
#include "tests/source_dir.h"
#include "tests/temp_folder.h"

namespace emulate {

using suan::BufferPtr;
using suan::DeviceBlockPtr;
using suan::ErrorCode;
using suan::fail;
using suan::cuda::Function;

struct EmulatedFunction final : suan::cuda::FunctionInfo {
  using FunctionInfo::FunctionInfo;
  Run run = nullptr;
};

class EmulatedBlock final : public suan::DeviceBlock {
 public:
  EmulatedBlock(EmulatedGpu& gpu, size_t bytes) : gpu_(gpu) {
    constexpr size_t kAlign = 256;
    data_ = static_cast<char*>(std::aligned_alloc(kAlign, (bytes + kAlign) / kAlign * kAlign));
    constexpr size_t kMost = size_t{1} << 20;
    std::memset(data_, gpu_.collecting_ ? 0 : 0x7b, std::min(bytes, kMost));  // nobody wrote it
    gpu_.blocks_[data_] = bytes;
    gpu_.memory_used_ += bytes;
  }
  ~EmulatedBlock() override {
    const auto block = gpu_.blocks_.find(data_);
    gpu_.memory_used_ -= block->second;
    gpu_.blocks_.erase(block);
    std::free(data_);
  }
  void* address() const override { return data_; }
  const void* device() const override { return static_cast<const suan::Device*>(&gpu_); }
  void download(void* to, size_t bytes) const override { gpu_.download(to, data_, bytes); }
  void upload(const void* from, size_t bytes) override { gpu_.upload(data_, from, bytes); }

 private:
  EmulatedGpu& gpu_;
  char* data_;
};

EmulatedGpu::EmulatedGpu() { traits_.model = "emulated"; }
EmulatedGpu::~EmulatedGpu() = default;

DeviceBlockPtr EmulatedGpu::allocate(size_t bytes) {
  if (recording_) fail(ErrorCode::kSystem, "emulator", "memory is allocated while recording");
  if (memory_limit_ < memory_used_ + bytes) {
    const size_t free = memory_limit_ - std::min(memory_used_, memory_limit_);
    throw suan::OutOfDeviceMemory("emulator", bytes, free, memory_limit_);
  }
  return std::make_shared<EmulatedBlock>(*this, bytes);
}
BufferPtr EmulatedGpu::allocate_shared(size_t bytes) { return suan::Buffer::allocate(bytes); }

void EmulatedGpu::check_inside(const void* at, size_t bytes, const char* what) const {
  const char* begin = static_cast<const char*>(at);
  auto block = blocks_.upper_bound(begin);
  if (block != blocks_.begin()) {
    --block;
    if (begin >= block->first && begin + bytes <= block->first + block->second) return;
  }
  if (bytes) fail(ErrorCode::kSystem, "emulator", "{} of {} bytes leaves the device", what, bytes);
}

void EmulatedGpu::send(std::function<void()> work) {
  if (recording_) {
    recording_->push_back(std::move(work));
  } else {
    work();
  }
}
void EmulatedGpu::upload(void* to, const void* host, size_t bytes) {
  if (recording_) fail(ErrorCode::kSystem, "emulator", "an upload is recorded");
  check_inside(to, bytes, "an upload");
  if (bytes) std::memcpy(to, host, bytes);
}
void EmulatedGpu::download(void* host, const void* from, size_t bytes) {
  if (recording_) fail(ErrorCode::kSystem, "emulator", "a download is recorded");
  check_inside(from, bytes, "a download");
  wait();
  if (bytes) std::memcpy(host, from, bytes);
}
void EmulatedGpu::copy(void* to, const void* from, size_t bytes) {
  check_inside(to, bytes, "a copy");
  check_inside(from, bytes, "a copy");
  send([=] {
    if (bytes) std::memmove(to, from, bytes);
  });
}
void EmulatedGpu::clear(void* to, size_t bytes) {
  check_inside(to, bytes, "a clear");
  send([=] { std::memset(to, 0, bytes); });
}
void EmulatedGpu::wait() {
  if (recording_) fail(ErrorCode::kSystem, "emulator", "somebody waits while recording");
  if (launches_left_ == 0) fail(ErrorCode::kSystem, "emulator", "the GPU is lost");
}

std::unique_ptr<suan::Recording> EmulatedGpu::record(const std::function<void()>& work) {
  struct Recorded final : suan::Recording {
    std::vector<std::function<void()>> works;
    void play() const override {
      for (const auto& w : works) w();
    }
  };
  auto recorded = std::make_unique<Recorded>();
  recording_ = &recorded->works;
  const std::shared_ptr<void> end(nullptr, [this](void*) { recording_ = nullptr; });
  work();
  return recorded;
}
double EmulatedGpu::seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Function EmulatedGpu::own(std::string_view name) {
  auto& known = functions_[std::string(name)];
  if (known) return known.get();
  known = std::make_unique<EmulatedFunction>(name);
  known->run = find_kernel(name);
  if (!known->run) fail(ErrorCode::kSystem, "emulator", "there is no kernel '{}'", name);
  return known.get();
}

Function EmulatedGpu::compile(const std::string& source, std::string_view name) {
  auto& known = functions_[std::string(name)];
  if (!known) known = std::make_unique<EmulatedFunction>(name);
  sources_.try_emplace(std::string(name), source.substr(suan::cuda::kernel_prelude().size()));
  if (!collecting_ && !known->run) {
    compile_collected();
    known->run = find_kernel(name);
    if (!known->run) fail(ErrorCode::kSystem, "emulator", "there is no kernel '{}'", name);
  }
  return known.get();
}

// What was compiled in earlier runs of the tests is kept beside the build, by its content.
void EmulatedGpu::compile_collected() {
  std::vector<const std::string*> fresh;
  for (const auto& [name, text] : sources_) {
    if (compiled_.insert(name).second) fresh.push_back(&text);
  }
  constexpr size_t kPiece = 200;  // sources of one call of the compiler
  const suan::TempFolder folder;
  for (size_t first = 0; first < fresh.size(); first += kPiece) {
    const std::string stem = folder / fmt::format("piece{}", first);
    std::ofstream out(stem + ".cpp");
    out << "#include \"tests/emulate/words.h\"\n"
        << suan::cuda::kernel_prelude() << "\n#include \"tests/emulate/halves.h\"\n";
    for (size_t i = first; i < std::min(first + kPiece, fresh.size()); ++i) out << *fresh[i];
    out.close();
    const std::string root = suan::source_dir();
    const std::string command = fmt::format(
        "c++ -std=c++20 -O1 -w -shared -fPIC -I{0} -I{0}/src -o {1}.so {1}.cpp 2> {1}.log", root,
        stem);
    if (std::system(command.c_str()) != 0) {
      std::ifstream log(stem + ".log");
      std::string line, text;
      while (std::getline(log, line) && text.size() < 4000) text += line + '\n';
      fail(ErrorCode::kSystem, "emulator", "a source does not compile:\n{}", text);
    }
    if (!dlopen((stem + ".so").c_str(), RTLD_NOW)) {
      fail(ErrorCode::kSystem, "emulator", "{}", dlerror());
    }
  }
}

void EmulatedGpu::launch(Function function, const suan::cuda::Launch& launch, const void* params,
                         size_t bytes) {
  const char* begin = static_cast<const char*>(params);
  launched.push_back(function->name);
  if (collecting_) return;
  send([=, this, kept = std::vector<char>(begin, begin + bytes)] {
    if (launches_left_ > 0) --launches_left_;
    if (launches_left_ == 0) return;
    run_grid(static_cast<const EmulatedFunction*>(function)->run, kept.data(), launch.blocks,
             launch.threads, launch.shared_bytes);
  });
}

void EmulatedGpu::lose_after(int launches) { launches_left_ = launches; }

EmulatedGpu& emulated_gpu() {
  static auto* gpu = new EmulatedGpu;
  return *gpu;
}
const suan::Backend& emulated_backend() {
  static const auto* backend = suan::cuda::make_backend(emulated_gpu()).release();
  return *backend;
}

}  // namespace emulate
