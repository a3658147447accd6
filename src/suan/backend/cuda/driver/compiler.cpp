// Compiling by NVRTC. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/compiler.h"

#include <nvrtc.h>

#include <algorithm>
#include <array>
#include <vector>

#include "suan/backend/cuda/driver/library.h"
#include "suan/base/error.h"

namespace suan::cuda {
namespace {

// clang-format off
#define SUAN_NVRTC_FUNCTIONS(F) \
  F(nvrtcVersion) F(nvrtcGetErrorString) F(nvrtcGetNumSupportedArchs) \
  F(nvrtcGetSupportedArchs) F(nvrtcCreateProgram) F(nvrtcDestroyProgram) \
  F(nvrtcCompileProgram) F(nvrtcGetProgramLogSize) F(nvrtcGetProgramLog) \
  F(nvrtcGetCUBINSize) F(nvrtcGetCUBIN) F(nvrtcGetPTXSize) F(nvrtcGetPTX)
// clang-format on

struct NvrtcApi {
  SUAN_NVRTC_FUNCTIONS(SUAN_FUNCTION_FIELD)
  std::string why_not;
};

const NvrtcApi& nvrtc() {
  static const NvrtcApi& api = *[] {
    auto* made = new NvrtcApi;
    NvrtcApi& table = *made;
    table.why_not = open_library("libnvrtc.so.13", {SUAN_NVRTC_FUNCTIONS(SUAN_FUNCTION_SYMBOL)});
    if (!table.why_not.empty()) table.why_not.insert(0, "no CUDA compiler: ");
    return made;
  }();
  return api;
}

void check_nvrtc(nvrtcResult result, const char* call) {
  if (result == NVRTC_SUCCESS) return;
  fail(ErrorCode::kSystem, "cuda", "{}: {}", name_of_call(call),
       nvrtc().nvrtcGetErrorString(result));
}
#define SUAN_NVRTC(call) check_nvrtc(nvrtc().call, #call)

class Program {
 public:
  explicit Program(const std::string& source) {
    SUAN_NVRTC(nvrtcCreateProgram(&program_, source.c_str(), "kernel.cu", 0, nullptr, nullptr));
  }
  ~Program() { nvrtc().nvrtcDestroyProgram(&program_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // The size that one function says of what another writes, a NUL at its end included.
  std::string text(nvrtcResult (*size)(nvrtcProgram, size_t*),
                   nvrtcResult (*write)(nvrtcProgram, char*)) const {
    size_t bytes = 0;
    check_nvrtc(size(program_, &bytes), "reading what NVRTC made");
    std::string result(bytes, '\0');
    if (bytes > 0) check_nvrtc(write(program_, result.data()), "reading what NVRTC made");
    return result;
  }
  nvrtcResult compile(const std::string& architecture) {
    const std::string option = "--gpu-architecture=" + architecture;
    const std::array options{option.c_str(), "--std=c++17", "--fmad=true"};
    return nvrtc().nvrtcCompileProgram(program_, static_cast<int>(options.size()), options.data());
  }

 private:
  nvrtcProgram program_ = nullptr;
};

// The first line of the compiler's log that is an error, or its first.
std::string first_error(const std::string& log) {
  size_t begin = 0;
  const size_t error = log.find("error");
  if (error != std::string::npos) {
    const size_t newline = log.rfind('\n', error);
    begin = newline == std::string::npos ? 0 : newline + 1;
  }
  const size_t end = std::min(log.find_first_of(std::string_view("\n\0", 2), begin), log.size());
  return log.substr(begin, end - begin);
}

// The newest architecture that the compiler knows and that code for this one may be.
int known_architecture(int wanted) {
  int count = 0;
  SUAN_NVRTC(nvrtcGetNumSupportedArchs(&count));
  std::vector<int> known(static_cast<size_t>(count));
  SUAN_NVRTC(nvrtcGetSupportedArchs(known.data()));
  int best = 0;
  for (const int architecture : known) {
    if (architecture <= wanted) best = std::max(best, architecture);
  }
  if (best == 0) fail(ErrorCode::kUnsupported, "cuda", "NVRTC has no code for sm_{}", wanted);
  return best;
}

}  // namespace

std::string why_no_nvrtc() { return nvrtc().why_not; }

int nvrtc_version() {
  int major = 0, minor = 0;
  if (!nvrtc().why_not.empty() || nvrtc().nvrtcVersion(&major, &minor) != NVRTC_SUCCESS) return 0;
  return major * 1000 + minor * 10;
}

std::string compile_source(const std::string& source, int architecture) {
  if (!nvrtc().why_not.empty()) throw Error(ErrorCode::kUnsupported, "cuda", nvrtc().why_not);
  const int known = known_architecture(architecture);
  const bool exact = known == architecture;
  Program program(source);
  const nvrtcResult result = program.compile(fmt::format("{}_{}", exact ? "sm" : "compute", known));
  if (result == NVRTC_ERROR_COMPILATION) {
    const std::string log =
        program.text(nvrtc().nvrtcGetProgramLogSize, nvrtc().nvrtcGetProgramLog);
    throw Error(ErrorCode::kSystem, "cuda", first_error(log));
  }
  check_nvrtc(result, "nvrtcCompileProgram");
  return exact ? program.text(nvrtc().nvrtcGetCUBINSize, nvrtc().nvrtcGetCUBIN)
               : program.text(nvrtc().nvrtcGetPTXSize, nvrtc().nvrtcGetPTX);
}

}  // namespace suan::cuda
