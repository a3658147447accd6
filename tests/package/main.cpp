// Trains one weight with an installed Suan: y = 3 x by gradient descent in a compiled step.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdio>
#include <vector>

#include "all_headers.h"

int main() {
  using suan::Tensor;
  try {
    suan::set_num_threads(0);
    return 1;
  } catch (const suan::Error& error) {
    std::puts(error.what());
  }
  const auto w = suan::State::create("w", suan::Array::of<float>(std::vector<float>{0}, {1}), true);
  auto step = suan::compile([&](const Tensor& x, const Tensor& y) {
    const Tensor error = w->read() * x - y;
    const Tensor loss = suan::sum(error * error);
    w->assign(w->read() - 0.1 * suan::grad(loss, {w->read()})[0]);
    return loss;
  });
  for (int i = 0; i < 50; ++i) step(Tensor::of<float>({1}, {1}), Tensor::of<float>({3}, {1}));
  const float got = w->array().as<float>()[0];
  std::printf("w = %g\n", static_cast<double>(got));
  return std::abs(got - 3) < 1e-3f ? 0 : 1;
}
