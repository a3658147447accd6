// Random numbers as a function of (seed, stream, position): Philox4x32-10, so any thread or device
// can produce number i without the ones before it, and the same seed always gives the same values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <utility>

namespace suan {

// One block of Philox4x32-10: four random words from a counter and a key. Salmon, Moraes, Dror and
// Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t p1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k[0] += 0x9E3779B9;
    k[1] += 0xBB67AE85;
  }
  return c;
}

// A word as a float in [0, 1): its upper 24 bits over 2^24.
constexpr float to_uniform(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
// Two words as two independent values of N(0, 1): Box and Muller, 1958. The logarithm's argument is
// in (0, 1], so the values are finite (at most 5.8).
inline std::pair<float, float> to_normals(uint32_t a, uint32_t b) {
  const float radius = std::sqrt(-2.0f * std::log(1.0f - to_uniform(a)));
  const float angle = 2.0f * std::numbers::pi_v<float> * to_uniform(b);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

// The numbers of one stream in order. Streams of one seed are independent for all `stream` and
// `substream`; each holds 2^34 words. Copying it keeps the position.
class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0, uint32_t substream = 0)
      : key_{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)},
        counter_{0, substream, static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)} {
  }

  uint32_t word() {
    if (used_ == 4) {
      block_ = philox4x32(counter_, key_);
      ++counter_[0];
      used_ = 0;
    }
    return block_[used_++];
  }
  float uniform() { return to_uniform(word()); }  // [0, 1)
  float uniform(float low, float high) { return low + (high - low) * uniform(); }
  bool chance(float probability) { return uniform() < probability; }
  float normal() {  // N(0, 1); the second value of each pair is dropped, so draws stay in step
    const uint32_t a = word();
    return to_normals(a, word()).first;
  }
  // An integer in [low, high), every one equally likely (Lemire's rejection). Needs low < high and
  // high - low <= 2^32.
  int64_t randint(int64_t low, int64_t high) {
    const auto range = static_cast<uint64_t>(high - low);
    const auto reject_below = static_cast<uint32_t>((uint64_t{1} << 32) % range);
    for (;;) {
      const uint64_t product = word() * range;
      if (static_cast<uint32_t>(product) >= reject_below) {
        return low + static_cast<int64_t>(product >> 32);
      }
    }
  }
  // Puts the values in random order (Fisher and Yates).
  template <class T>
  void shuffle(std::span<T> values) {
    for (size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[static_cast<size_t>(randint(0, static_cast<int64_t>(i)))]);
    }
  }

 private:
  std::array<uint32_t, 2> key_;
  std::array<uint32_t, 4> counter_;
  std::array<uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace suan
