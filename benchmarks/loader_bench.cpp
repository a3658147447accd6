// Images per second of the loader on a folder of JPEGs (or a .tar.zst of one): decoding alone, then
// whole epochs with crop, flip and normalise; the first epoch decodes, the later ones read the
// cache.
//   loader_bench FOLDER [workers] [epochs]
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>

#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/data/image_folder.h"
#include "suan/data/loader.h"

namespace {

using namespace suan;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void report(const char* what, int64_t images, double seconds) {
  fmt::print("{:<28} {:>9.0f} images/s\n", what, static_cast<double>(images) / seconds);
}

void run(const std::string& path, int workers, int epochs) {
  Clock::time_point start = Clock::now();
  const auto uncached = std::make_shared<data::ImageFolder>(
      path, "train", data::ImageFolderOptions{.cache_bytes = 0});
  fmt::print("{} images of {}, {} workers; opened in {:.2f} s\n", uncached->size(),
             to_string(uncached->spec().x_shape), workers, seconds_since(start));
  start = Clock::now();
  parallel_for(uncached->size(), 64, [&](int64_t begin, int64_t end) {
    std::vector<uint8_t> x(data::x_bytes(uncached->spec()));
    int64_t y = 0;
    Random random(0);
    for (int64_t i = begin; i < end; ++i) uncached->read(i, random, x.data(), &y);
  });
  report("decode alone, all threads", uncached->size(), seconds_since(start));

  data::LoaderOptions options{.batch = 128, .shuffle = true, .workers = workers, .prefetch = 4};
  options.augment = {{data::RandomCrop{.padding = 4}, data::HorizontalFlip{}},
                     {{0.4914f, 0.4822f, 0.4465f}, {0.2470f, 0.2435f, 0.2616f}}};
  data::Loader loader(std::make_shared<data::ImageFolder>(path, "train"), options);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    start = Clock::now();
    int64_t images = 0;
    for (auto [x, y] : loader) images += x.shape[0];
    report(epoch == 0 ? "first epoch" : "later epoch", images, seconds_since(start));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 2) {
    fmt::print(stderr, "usage: loader_bench FOLDER [workers] [epochs]\n");
    return 2;
  }
  run(argv[1], argc > 2 ? std::atoi(argv[2]) : suan::num_threads(),
      argc > 3 ? std::atoi(argv[3]) : 3);
  return 0;
} catch (const suan::Error& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 2;
}
