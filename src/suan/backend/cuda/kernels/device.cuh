// What every CUDA kernel begins with: names for types, conversions, reductions within a block,
// faults. It compiles by nvcc, by NVRTC (as the head of generated sources, so it includes nothing
// of the system) and, in tests, by a C++ compiler with tests/emulate/words.h before it.
// SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_DEVICE_CUH
#define SUAN_DEVICE_CUH

#ifdef __CUDACC_RTC__
using int8_t = signed char;
using int16_t = short;
using int32_t = int;
using int64_t = long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long;
#else
#include <stdint.h>
#endif

#ifndef SUAN_EMULATED
#define SUAN_GLOBAL(name, Params) extern "C" __global__ void name(const __grid_constant__ Params p)
// Shared memory whose size the launch gives.
#define SUAN_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
// For loops whose arrays are to stay in registers.
#define SUAN_UNROLL _Pragma("unroll")
#endif
// The kernel `function`_`suffix`: the template `function` for T, which takes the struct of all its
// arguments.
#define SUAN_KERNEL(function, suffix, T, Params) \
  SUAN_GLOBAL(function##_##suffix, Params) { function<T>(p); }
#define SUAN_KERNELS_FOR_FLOATS(function, Params) \
  SUAN_KERNEL(function, f32, float, Params)       \
  SUAN_KERNEL(function, bf16, Bf16, Params)       \
  SUAN_KERNEL(function, f16, F16, Params)         \
  SUAN_KERNEL(function, f64, double, Params)
// For kernels that only move elements: by their size.
#define SUAN_KERNELS_FOR_SIZES(function, Params) \
  SUAN_KERNEL(function, b1, uint8_t, Params)     \
  SUAN_KERNEL(function, b2, uint16_t, Params)    \
  SUAN_KERNEL(function, b4, uint32_t, Params)    \
  SUAN_KERNEL(function, b8, uint64_t, Params)

struct Bf16 {
  uint16_t bits;
};
struct F16 {
  uint16_t bits;
};
struct F8e4m3 {
  uint8_t bits;
};
struct F8e5m2 {
  uint8_t bits;
};

// What arithmetic on T is done in.
template <class T>
struct ComputeOf {
  using type = int64_t;
};
template <>
struct ComputeOf<double> {
  using type = double;
};
template <>
struct ComputeOf<float> {
  using type = float;
};
template <>
struct ComputeOf<Bf16> {
  using type = float;
};
template <>
struct ComputeOf<F16> {
  using type = float;
};
template <>
struct ComputeOf<F8e4m3> {
  using type = float;
};
template <>
struct ComputeOf<F8e5m2> {
  using type = float;
};
template <>
struct ComputeOf<uint64_t> {
  using type = uint64_t;
};
template <class T>
using Compute = typename ComputeOf<T>::type;

// ---- conversions: floats round to nearest even; float to integer truncates and saturates, NaN
// gives 0; integers wrap; anything to bool is x != 0.
#ifndef SUAN_EMULATED
__device__ inline float widen(Bf16 x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}
__device__ inline float widen(F16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}
__device__ inline void narrow(float x, Bf16& y) {
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
}
__device__ inline void narrow(float x, F16& y) {
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
}
#endif
// FP8 of kMantissa bits and this bias, by the bits of an f32. What is too large becomes the largest
// element, of this code; all ones is NaN.
template <int kMantissa, int kBias, uint32_t kLargest>
__device__ inline uint8_t to_fp8(float x) {
  constexpr uint32_t kShift = 23 - kMantissa, kRebias = (127 - kBias) << kMantissa;
  const uint32_t u = __float_as_uint(x), sign = u >> 24 & 0x80, magnitude = u & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7f;
  if (magnitude >= (kLargest + kRebias) << kShift) return static_cast<uint8_t>(sign | kLargest);
  if (magnitude < ((1u << kMantissa) + kRebias) << kShift) {  // in steps of the smallest element
    constexpr uint32_t kSteps = 127 + kBias - 1 + kMantissa;
    constexpr float kWhole = 8388608;  // 2^23: adding it rounds to a whole number
    const float steps = __uint_as_float(magnitude) * __uint_as_float(kSteps << 23);
    return static_cast<uint8_t>(sign | static_cast<uint32_t>((steps + kWhole) - kWhole));
  }
  const uint32_t rounded = magnitude + (1u << (kShift - 1)) - 1 + (magnitude >> kShift & 1);
  return static_cast<uint8_t>(sign | ((rounded >> kShift) - kRebias));
}
template <int kMantissa, int kBias>
__device__ inline float from_fp8(uint8_t code) {
  constexpr uint32_t kShift = 23 - kMantissa, kRebias = (127 - kBias) << kMantissa;
  constexpr uint32_t kStep = 127 - kBias + 1 - kMantissa;
  const uint32_t sign = static_cast<uint32_t>(code & 0x80) << 24, c = code & 0x7f;
  if (c >> kMantissa) return __uint_as_float(sign | ((c + kRebias) << kShift));
  const float magnitude = static_cast<float>(c) * __uint_as_float(kStep << 23);
  return sign ? -magnitude : magnitude;
}
__device__ inline float widen(F8e4m3 x) {
  return (x.bits & 0x7f) == 0x7f ? __uint_as_float(0x7fc00000) : from_fp8<3, 7>(x.bits);
}
__device__ inline float widen(F8e5m2 x) {
  const uint32_t c = x.bits & 0x7f;
  if (c > 0x7c) return __uint_as_float(0x7fc00000);
  if (c == 0x7c) return __uint_as_float((x.bits & 0x80u) << 24 | 0x7f800000u);
  return from_fp8<2, 15>(x.bits);
}
template <class T>
__device__ inline T widen(T x) {
  return x;
}

template <class T, T kLeast, T kMost>
__device__ inline T saturated(double x) {
  if (x != x) return 0;
  if (x <= static_cast<double>(kLeast)) return kLeast;
  if (x >= static_cast<double>(kMost)) return kMost;
  return static_cast<T>(x);
}
template <class To>
struct Convert {  // to floats
  template <class From>
  static __device__ inline To from(From x) {
    return static_cast<To>(x);
  }
};
template <>
struct Convert<Bf16> {
  template <class From>
  static __device__ inline Bf16 from(From x) {
    Bf16 y;
    narrow(static_cast<float>(x), y);
    return y;
  }
};
template <>
struct Convert<F16> {
  template <class From>
  static __device__ inline F16 from(From x) {
    F16 y;
    narrow(static_cast<float>(x), y);
    return y;
  }
};
template <>
struct Convert<F8e4m3> {
  template <class From>
  static __device__ inline F8e4m3 from(From x) {
    return F8e4m3{to_fp8<3, 7, 0x7e>(static_cast<float>(x))};
  }
};
template <>
struct Convert<F8e5m2> {
  template <class From>
  static __device__ inline F8e5m2 from(From x) {
    return F8e5m2{to_fp8<2, 15, 0x7b>(static_cast<float>(x))};
  }
};
template <>
struct Convert<bool> {
  template <class From>
  static __device__ inline bool from(From x) {
    return x != From(0);
  }
};
#define SUAN_CONVERT_TO(T, least, most)                                                \
  template <>                                                                          \
  struct Convert<T> {                                                                  \
    template <class From>                                                              \
    static __device__ inline T from(From x) {                                          \
      return static_cast<T>(x);                                                        \
    }                                                                                  \
    static __device__ inline T from(double x) { return saturated<T, least, most>(x); } \
    static __device__ inline T from(float x) {                                         \
      return saturated<T, least, most>(static_cast<double>(x));                        \
    }                                                                                  \
  };
SUAN_CONVERT_TO(int64_t, (-0x7fffffffffffffffL - 1), 0x7fffffffffffffffL)
SUAN_CONVERT_TO(int32_t, (-0x7fffffff - 1), 0x7fffffff)
SUAN_CONVERT_TO(int16_t, -0x8000, 0x7fff)
SUAN_CONVERT_TO(int8_t, -0x80, 0x7f)
SUAN_CONVERT_TO(uint64_t, 0, 0xffffffffffffffffUL)
SUAN_CONVERT_TO(uint32_t, 0, 0xffffffffU)
SUAN_CONVERT_TO(uint16_t, 0, 0xffff)
SUAN_CONVERT_TO(uint8_t, 0, 0xff)
#undef SUAN_CONVERT_TO

// An element as a number of type C, and back.
template <class C, class T>
__device__ inline C get(const T* x, int64_t i) {
  return Convert<C>::from(widen(x[i]));
}
template <class T, class C>
__device__ inline void put(T* y, int64_t i, C value) {
  y[i] = Convert<T>::from(value);
}

// Several elements that are read or written at once.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vec {
  T v[kCount];
};

// ---- reductions. A block has a whole number of warps; all its threads take part.
struct Plus {
  template <class T>
  static __device__ inline T combine(T a, T b) {
    return a + b;
  }
};
struct Largest {  // NaN wins
  template <class T>
  static __device__ inline T combine(T a, T b) {
    return a != a || a > b ? a : b;
  }
};
template <class How, class T>
__device__ inline T warp_reduce(T x) {
  for (int step = 16; step > 0; step >>= 1) {
    x = How::combine(x, __shfl_xor_sync(0xffffffffu, x, step));
  }
  return x;
}
// The result is there for all threads. May be called again at once.
template <class How, class T>
__device__ inline T block_reduce(T x, T neutral) {
  __shared__ T parts[32];
  const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = (blockDim.x + 31) >> 5;
  x = warp_reduce<How>(x);
  __syncthreads();
  if (lane == 0) parts[warp] = x;
  __syncthreads();
  x = lane < warps ? parts[lane] : neutral;
  return warp_reduce<How>(x);
}

// ---- faults (suan::cuda::Fault)
struct DeviceFault {
  int32_t taken, step, kind, unused;
  int64_t numbers[4];
};
__device__ inline void report(DeviceFault* fault, int32_t step, int32_t kind, int64_t a, int64_t b,
                              int64_t c, int64_t d = 0) {
  if (atomicCAS(&fault->taken, 0, 1) != 0) return;
  fault->step = step;
  fault->kind = kind;
  fault->numbers[0] = a;
  fault->numbers[1] = b;
  fault->numbers[2] = c;
  fault->numbers[3] = d;
}

// The number of this thread among all of the launch, and how many there are.
__device__ inline int64_t thread_number() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline int64_t thread_count() { return static_cast<int64_t>(gridDim.x) * blockDim.x; }

#endif
