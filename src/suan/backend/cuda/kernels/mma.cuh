// Tensor Cores: products of 16 x 16 by 16 x 8 numbers of 16 bits by one warp, and how their
// operands come from shared memory. Fragments lie as PTX's mma.m16n8k16 wants them: of lane l, with
// row g = l / 4 and column pair t = l % 4,
//   a (16 x 16):  {g, 2t}, {g + 8, 2t}, {g, 2t + 8}, {g + 8, 2t + 8} and the element after each;
//   b (16 x 8):   {2t, g}, {2t + 8, g} and the row after each;
//   c (16 x 8):   {g, 2t}, {g, 2t + 1}, {g + 8, 2t}, {g + 8, 2t + 1}.
// SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_MMA_CUH
#define SUAN_MMA_CUH
#include "suan/backend/cuda/kernels/device.cuh"

struct Quad {
  uint32_t r[4];
};
struct Sums {
  float v[4];
};

#ifndef SUAN_EMULATED

// c += a b, in f32.
__device__ inline void multiply_add(Sums& c, const Quad& a, uint32_t b0, uint32_t b1, Bf16) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c.v[0]), "+f"(c.v[1]), "+f"(c.v[2]), "+f"(c.v[3])
      : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b0), "r"(b1));
}
__device__ inline void multiply_add(Sums& c, const Quad& a, uint32_t b0, uint32_t b1, F16) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(c.v[0]), "+f"(c.v[1]), "+f"(c.v[2]), "+f"(c.v[3])
      : "r"(a.r[0]), "r"(a.r[1]), "r"(a.r[2]), "r"(a.r[3]), "r"(b0), "r"(b1));
}

// Four matrices of 8 x 8 from shared memory: lane l gives the address of row l % 8 of matrix l / 8,
// and gets of each matrix the elements {l / 4, 2 (l % 4)} and the one after it, or, turned,
// {2 (l % 4), l / 4} and the one below it.
__device__ inline Quad load_matrices(const void* row) {
  Quad q;
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(q.r[0]), "=r"(q.r[1]), "=r"(q.r[2]), "=r"(q.r[3])
               : "r"(address)
               : "memory");
  return q;
}
__device__ inline Quad load_turned(const void* row) {
  Quad q;
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(q.r[0]), "=r"(q.r[1]), "=r"(q.r[2]), "=r"(q.r[3])
               : "r"(address)
               : "memory");
  return q;
}

// 16 bytes on their way to shared memory; zeros where they are not there.
__device__ inline void send16(void* to, const void* from, bool is_there) {
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from),
               "r"(is_there ? 16 : 0)
               : "memory");
}
__device__ inline void end_of_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until all groups of this thread but the last kGroups have arrived.
template <int kGroups>
__device__ inline void wait_for_groups() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
}

#endif

// Two numbers as 16 bits each, the first one in the lower half.
template <class T>
__device__ inline uint32_t pack(float low, float high) {
  T a, b;
  narrow(low, a);
  narrow(high, b);
  return a.bits | static_cast<uint32_t>(b.bits) << 16;
}

#endif
