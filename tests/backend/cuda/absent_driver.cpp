// A libcuda.so.1 that finds no GPU but takes the code that it is given: cuDNN compiles attention
// where it can open one, and no further is gone with it. Arguments are of no use, so that the
// toolkit's header, which renames functions, is not needed. SPDX-License-Identifier: Apache-2.0

#define SUAN_CALL(name) extern "C" __attribute__((visibility("default"))) int name

namespace {
constexpr int kSuccess = 0, kNoDevice = 100, kNotSupported = 801;
char place;  // what handles point to
}  // namespace

// NOLINTBEGIN(readability-identifier-naming): the driver's names
SUAN_CALL(cuInit)(unsigned /*flags*/) { return kNoDevice; }
SUAN_CALL(cuDriverGetVersion)(int* version) {
  *version = 13000;
  return kSuccess;
}
SUAN_CALL(cuDeviceGetCount)(int* count) {
  *count = 0;
  return kSuccess;
}
SUAN_CALL(cuGetErrorName)(int /*error*/, const char** name) {
  *name = "an error";
  return kSuccess;
}
SUAN_CALL(cuGetErrorString)(int /*error*/, const char** text) {
  *text = "an error";
  return kSuccess;
}
SUAN_CALL(cuLibraryLoadData)(void** library, ...) {
  *library = &place;
  return kSuccess;
}
SUAN_CALL(cuLibraryGetKernel)(void** kernel, ...) {
  *kernel = &place;
  return kSuccess;
}
SUAN_CALL(cuLibraryUnload)(...) { return kSuccess; }
SUAN_CALL(cuKernelSetAttribute)(...) { return kSuccess; }
SUAN_CALL(cuKernelGetAttribute)(int* value, ...) {
  *value = 0;
  return kSuccess;
}

// Looked for, and not called.
#define SUAN_NEVER(name) \
  SUAN_CALL(name)(...) { return kNotSupported; }
SUAN_NEVER(cuCtxGetCurrent)
SUAN_NEVER(cuCtxGetLimit)
SUAN_NEVER(cuCtxPopCurrent)
SUAN_NEVER(cuCtxPushCurrent)
SUAN_NEVER(cuDeviceGet)
SUAN_NEVER(cuLaunchCooperativeKernel)
SUAN_NEVER(cuLaunchKernel)
SUAN_NEVER(cuLaunchKernelEx)
SUAN_NEVER(cuLibraryLoadFromFile)
SUAN_NEVER(cuLinkAddData)
SUAN_NEVER(cuLinkComplete)
SUAN_NEVER(cuLinkCreate)
SUAN_NEVER(cuLinkDestroy)
SUAN_NEVER(cuOccupancyMaxPotentialClusterSize)
SUAN_NEVER(cuStreamGetCtx)
// NOLINTEND(readability-identifier-naming)
