// A person's first program: a network of one convolution, trained for one epoch on handwritten
// digits.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "suan/data/digits.h"
#include "suan/data/loader.h"
#include "suan/suan.h"

using namespace suan;

struct Net : nn::Module {
  nn::Conv2d conv{1, 32, {.kernel = 3, .padding = 1}};
  nn::Linear head{32 * 14 * 14, 10};
  SUAN_MEMBERS(conv, head)  // parameters, names, saving, train and eval come from this
  Tensor operator()(const Tensor& x) { return head(flatten(max_pool2d(relu(conv(x)), 2))); }
};

int main() {
  Net net;
  optim::AdamW adamw{net.parameters(), {.lr = 1e-3}};
  auto step =
      compile([&](const Tensor& x, const Tensor& y) {  // forward, gradient, update: one program
        const Tensor loss = cross_entropy(net(x), y);
        adamw.step(grad(loss, net.parameters()));
        return loss;
      });
  data::Loader loader{data::digits(12800), {.batch = 64, .shuffle = true}};
  int64_t count = 0;
  for (auto [x, y] : loader) {
    const double loss = step(x, y).item();
    if (++count % 50 == 0) std::printf("step %4ld  loss %.4f\n", static_cast<long>(count), loss);
  }
}
