// The functions that libsuan_cuda.so shows (open.h). SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/compiler.h"
#include "suan/backend/cuda/driver/device_info.h"
#include "suan/backend/cuda/driver/library.h"
#include "suan/backend/cuda/driver/real_gpu.h"
#include "suan/backend/cuda/open.h"
#include "suan/base/error.h"

namespace suan::cuda {
namespace {

bool fits(int version, std::string& why_not) {
  if (version == kEntryVersion) return true;
  why_not = "libsuan_cuda.so belongs to another version of Suan";
  return false;
}

// Errors become reasons: none crosses.
template <class Result, class Body>
Result guarded(std::string& why_not, Result failed, Body&& body) {
  try {
    return body();
  } catch (const suan::Error& error) {
    why_not = std::string_view(error.what()).substr(error.where().size() + 2);
  } catch (const std::exception& error) {
    why_not = error.what();
  }
  return failed;
}

}  // namespace
}  // namespace suan::cuda

using namespace suan::cuda;

extern "C" Gpu* suan_cuda_open(int index, Memory memory, int version, std::string* why_not) {
  if (!fits(version, *why_not)) return nullptr;
  return guarded<Gpu*>(*why_not, nullptr, [&]() -> Gpu* {
    CUdevice device = 0;
    GpuTraits traits;
    if (!find_device(index, device, traits, *why_not)) return nullptr;
    watch_for_the_end();
    return new RealGpu(index, device, std::move(traits), memory);
  });
}

extern "C" int suan_cuda_count(int version, std::string* why_not) {
  if (!fits(version, *why_not)) return 0;
  return guarded(*why_not, 0, [&] { return device_count(*why_not); });
}

extern "C" bool suan_cuda_describe(int index, int version, GpuTraits* traits,
                                   std::string* why_not) {
  if (!fits(version, *why_not)) return false;
  return guarded(*why_not, false, [&] {
    CUdevice device = 0;
    return find_device(index, device, *traits, *why_not);
  });
}

extern "C" bool suan_cuda_compile(const char* source, int architecture, std::string* cubin,
                                  std::string* error, bool* is_there) {
  *error = why_no_nvrtc();
  *is_there = error->empty();
  if (!*is_there) return false;
  return guarded(*error, false, [&] {
    *cubin = compile_source(source, architecture);
    return true;
  });
}
