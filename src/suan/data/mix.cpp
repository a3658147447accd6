// Both mixes work in place because the pairing is its own inverse.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/mix.h"

#include <algorithm>
#include <cmath>

#include "suan/base/error.h"

namespace suan::data {
namespace {

float sample_gamma(float alpha, Random& random) {
  if (alpha < 1) {
    return sample_gamma(alpha + 1, random) *
           std::pow(std::max(random.uniform(), 1e-12f), 1 / alpha);
  }
  const float d = alpha - 1.0f / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const float x = random.normal(), v = 1 + c * x;
    if (v <= 0) continue;
    const float cubed = v * v * v;
    if (std::log(1 - random.uniform()) < 0.5f * x * x + d - d * cubed + d * std::log(cubed)) {
      return d * cubed;
    }
  }
}

void mixup(float share, const Array& x) {
  const int64_t n = x.shape[0], size = n ? x.numel() / n : 0;
  for (int64_t i = 0; i < n / 2; ++i) {
    float *a = x.as<float>() + i * size, *b = x.as<float>() + (n - 1 - i) * size;
    for (int64_t k = 0; k < size; ++k) {
      const float p = a[k], q = b[k];
      a[k] = share * p + (1 - share) * q;
      b[k] = share * q + (1 - share) * p;
    }
  }
}

// Swaps a box between the pairs; gives the share of the area that stayed.
float cutmix(float share, const Array& x, Random& random) {
  const int64_t n = x.shape[0], c = x.shape[1], h = x.shape[2], w = x.shape[3];
  const float side = std::sqrt(1 - share);
  const auto box_h = static_cast<int64_t>(side * static_cast<float>(h));
  const auto box_w = static_cast<int64_t>(side * static_cast<float>(w));
  const int64_t cy = random.randint(0, h), cx = random.randint(0, w);
  const int64_t y0 = std::clamp(cy - box_h / 2, int64_t{0}, h),
                x0 = std::clamp(cx - box_w / 2, int64_t{0}, w);
  const int64_t y1 = std::clamp(cy - box_h / 2 + box_h, int64_t{0}, h);
  const int64_t x1 = std::clamp(cx - box_w / 2 + box_w, int64_t{0}, w);
  for (int64_t i = 0; i < n / 2; ++i) {
    for (int64_t p = 0; p < c; ++p) {
      float* a = x.as<float>() + (i * c + p) * h * w;
      float* b = x.as<float>() + ((n - 1 - i) * c + p) * h * w;
      for (int64_t y = y0; y < y1; ++y) {
        std::swap_ranges(a + y * w + x0, a + y * w + x1, b + y * w + x0);
      }
    }
  }
  return 1 - static_cast<float>((y1 - y0) * (x1 - x0)) / static_cast<float>(h * w);
}

}  // namespace

void check_mix(const Mix& mix) {
  const auto check = [](float alpha, const char* what) {
    if (!(alpha > 0 && alpha <= 100))
      fail(what, "alpha must be above 0 and at most 100, got {}", alpha);
  };
  if (const auto* m = std::get_if<Mixup>(&mix)) check(m->alpha, "mixup");
  if (const auto* m = std::get_if<CutMix>(&mix)) check(m->alpha, "cutmix");
}

float sample_beta(float alpha, Random& random) {
  const float a = sample_gamma(alpha, random), b = sample_gamma(alpha, random);
  return a + b > 0 ? a / (a + b) : 0.5f;
}

void mix_batch(const Mix& mix, const Array& x, const Array& labels, const Array& soft,
               Random& random) {
  float share = 1;
  if (const auto* m = std::get_if<Mixup>(&mix)) {
    share = sample_beta(m->alpha, random);
    mixup(share, x);
  } else if (const auto* cut = std::get_if<CutMix>(&mix)) {
    share = cutmix(sample_beta(cut->alpha, random), x, random);
  }
  const int64_t n = soft.shape[0], classes = soft.shape[1];
  std::fill_n(soft.as<float>(), soft.numel(), 0.0f);
  for (int64_t i = 0; i < n; ++i) {
    float* row = soft.as<float>() + i * classes;
    row[labels.as<int64_t>()[i]] += share;
    row[labels.as<int64_t>()[n - 1 - i]] += 1 - share;
  }
}

}  // namespace suan::data
