// Random numbers of a key by Philox4x32-10, four for each counter: bit for bit suan::Random's words
// (base/random.h), and what is made of them. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/kernels/divide.cuh"
#include "suan/backend/cuda/kernels/random_params.h"

namespace randoms {

using namespace suan::cuda;
using Words = Vec<uint32_t, 4>;
using Numbers = Vec<float, 4>;

__device__ inline Words philox(Words c, uint32_t k0, uint32_t k1) {
  SUAN_UNROLL
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(0xD2511F53u, c.v[0]), low0 = 0xD2511F53u * c.v[0];
    const uint32_t high1 = __umulhi(0xCD9E8D57u, c.v[2]), low1 = 0xCD9E8D57u * c.v[2];
    c = {{high1 ^ c.v[1] ^ k0, low1, high0 ^ c.v[3] ^ k1, low0}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

__device__ inline float uniform(uint32_t word) {
  return static_cast<float>(word >> 8) * 5.9604644775390625e-8f;
}
struct Uniform {
  static __device__ Numbers from(const Words& w) {
    return {{uniform(w.v[0]), uniform(w.v[1]), uniform(w.v[2]), uniform(w.v[3])}};
  }
};
struct Normal {
  static __device__ void pair(uint32_t a, uint32_t b, float* y) {
    const float radius = ::sqrtf(-2.0f * ::logf(1.0f - uniform(a)));
    const float turn = 2.0f * uniform(b);
    y[0] = radius * ::cospif(turn);
    y[1] = radius * ::sinpif(turn);
  }
  static __device__ Numbers from(const Words& w) {
    Numbers y;
    pair(w.v[0], w.v[1], y.v);
    pair(w.v[2], w.v[3], y.v + 2);
    return y;
  }
};

template <class How>
__device__ inline void numbers(const RandomParams& p) {
  const uint64_t key = static_cast<uint64_t>(p.key[0]), stream = static_cast<uint64_t>(p.key[1]);
  const uint64_t whole = p.count / 4;
  for (uint64_t at = thread_number(); at < (p.count + 3) / 4; at += thread_count()) {
    const Words counter{{static_cast<uint32_t>(at), 0, static_cast<uint32_t>(stream),
                         static_cast<uint32_t>(stream >> 32)}};
    const Numbers y =
        How::from(philox(counter, static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)));
    if (at < whole) {
      reinterpret_cast<Numbers*>(p.y)[at] = y;
    } else {
      for (unsigned i = 0; i < p.count % 4; ++i) p.y[4 * at + i] = y.v[i];
    }
  }
}

SUAN_GLOBAL(random_uniform, RandomParams) { numbers<Uniform>(p); }
SUAN_GLOBAL(random_normal, RandomParams) { numbers<Normal>(p); }

}  // namespace randoms
