// CUDA's words for a C++ compiler: the kernels of src/suan/backend/cuda/kernels and the sources
// that the backend generates become functions that tests/emulate/emulator.h runs thread by thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#define SUAN_EMULATED
#include <stdint.h>

#include <cmath>
#include <cstring>

#define __device__
#define __global__
#define __forceinline__ inline
#define __shared__ static  // blocks run one after another
#define __restrict__
#define __launch_bounds__(...)

namespace emulate {

struct Index {
  unsigned x, y, z;
};
// Of the thread that is running.
struct Position {
  Index thread, block, block_size, grid;
};
extern "C" {
extern Position suan_emulate_position;
void suan_emulate_sync_block();
// Gives `bytes` of every lane of this warp to all of them; lanes that have ended count as zeros.
void suan_emulate_exchange(const void* mine, void* all, unsigned bytes);
unsigned char* suan_emulate_shared();
void suan_emulate_register(const char* name, void (*run)(const void* params));
}

template <class T, class F>
T shuffled(T value, F&& from) {
  T all[32];
  suan_emulate_exchange(&value, all, sizeof(T));
  const int lane = static_cast<int>(suan_emulate_position.thread.x & 31);
  const int source = from(lane);
  return source >= 0 && source < 32 ? all[source] : value;
}

}  // namespace emulate

#define threadIdx (::emulate::suan_emulate_position.thread)
#define blockIdx (::emulate::suan_emulate_position.block)
#define blockDim (::emulate::suan_emulate_position.block_size)
#define gridDim (::emulate::suan_emulate_position.grid)

inline void __syncthreads() { emulate::suan_emulate_sync_block(); }
inline void __syncwarp(unsigned = 0xffffffffu) {
  char none = 0, all[32];
  emulate::suan_emulate_exchange(&none, all, 1);
}
inline void __threadfence() {}
inline void __threadfence_system() {}
template <class T>
T __shfl_xor_sync(unsigned, T x, int mask) {
  return emulate::shuffled(x, [=](int lane) { return lane ^ mask; });
}
template <class T>
T __shfl_down_sync(unsigned, T x, int by) {
  return emulate::shuffled(x, [=](int lane) { return lane + by; });
}
template <class T>
T __shfl_up_sync(unsigned, T x, int by) {
  return emulate::shuffled(x, [=](int lane) { return lane - by; });
}
template <class T>
T __shfl_sync(unsigned, T x, int source) {
  return emulate::shuffled(x, [=](int) { return source & 31; });
}
inline unsigned __ballot_sync(unsigned, int predicate) {
  const unsigned char mine = predicate != 0;
  unsigned char all[32];
  emulate::suan_emulate_exchange(&mine, all, 1);
  unsigned bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<unsigned>(all[i] != 0) << i;
  return bits;
}
template <class T>
unsigned __match_any_sync(unsigned, T x) {
  T all[32];
  emulate::suan_emulate_exchange(&x, all, sizeof(T));
  unsigned bits = 0;
  for (int i = 0; i < 32; ++i) bits |= static_cast<unsigned>(all[i] == x) << i;
  return bits;
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
template <class T>
T __ldg(const T* x) {
  return *x;
}

template <class T>
T atomicAdd(T* at, T value) {
  const T old = *at;
  *at = old + value;
  return old;
}
template <class T>
T atomicCAS(T* at, T expected, T value) {
  const T old = *at;
  if (old == expected) *at = value;
  return old;
}
template <class T>
T atomicMax(T* at, T value) {
  const T old = *at;
  *at = old < value ? value : old;
  return old;
}
template <class T>
T atomicMin(T* at, T value) {
  const T old = *at;
  *at = value < old ? value : old;
  return old;
}
template <class T>
T atomicExch(T* at, T value) {
  const T old = *at;
  *at = value;
  return old;
}

inline float __uint_as_float(unsigned bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline unsigned __float_as_uint(float x) {
  unsigned bits;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}
inline double __longlong_as_double(long long bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline long long __double_as_longlong(double x) {
  long long bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float cospif(float x) { return static_cast<float>(std::cos(M_PI * x)); }
inline float sinpif(float x) { return static_cast<float>(std::sin(M_PI * x)); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((static_cast<uint64_t>(a) * b) >> 32);
}
template <class T>
T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
  return a < b ? b : a;
}

struct Bf16;  // defined by device.cuh; these four by halves.h, after it
struct F16;
inline float widen(Bf16 x);
inline float widen(F16 x);
inline void narrow(float x, Bf16& y);
inline void narrow(float x, F16& y);

#define SUAN_GLOBAL(name, Params)                                                      \
  static void name(const Params p);                                                    \
  [[maybe_unused]] static const bool name##_known = [] {                               \
    ::emulate::suan_emulate_register(                                                  \
        #name, [](const void* params) { name(*static_cast<const Params*>(params)); }); \
    return true;                                                                       \
  }();                                                                                 \
  static void name(const Params p)
#define SUAN_UNROLL
#define SUAN_DYNAMIC_SHARED(name) unsigned char* name = ::emulate::suan_emulate_shared()
