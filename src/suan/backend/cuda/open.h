// How the library reaches its CUDA part, libsuan_cuda.so, which is opened when it is first wanted:
// one binary runs on machines with and without a GPU. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "suan/backend/cuda/gpu.h"

namespace suan::cuda {

// How many GPUs the driver shows: those before it that cannot be used count too. Where it is 0,
// why_not says why in one line.
int count_gpus(std::string& why_not);
// What GPU number `index` is, without taking it into use.
std::optional<GpuTraits> describe_gpu(int index, std::string& why_not);

// Compiles a whole source (its head is kernel_prelude()) for a compute capability (90), to what
// cuModuleLoadData takes. Needs no GPU. Throws Error(kUnsupported) where the compiler is not there,
// Error(kSystem) with its first message about the source.
std::string nvrtc_compile(const std::string& source, int architecture);

// The functions of libsuan_cuda.so. Both sides are built together; the number catches a library
// that another version left behind, and changes with gpu.h and these.
inline constexpr int kEntryVersion = 6;
extern "C" {
using OpenEntry = Gpu* (*)(int index, Memory memory, int version, std::string* why_not);
using CountEntry = int (*)(int version, std::string* why_not);
using DescribeEntry = bool (*)(int index, int version, GpuTraits* traits, std::string* why_not);
// False: the compiler is not there (`cubin` is empty then too), or the source has an error.
using CompileEntry = bool (*)(const char* source, int architecture, std::string* cubin,
                              std::string* error, bool* is_there);
}

}  // namespace suan::cuda
