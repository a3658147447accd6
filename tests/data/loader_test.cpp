// The loader: the same batches for any number of workers, memory used again, errors passed on,
// resuming in the middle.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>

#include "tests/expect_error.h"

namespace suan::data {
namespace {

std::shared_ptr<ArrayDataset> images(int64_t n, int64_t side = 8) {
  Array x(DType::u8, {n, side, side, 3}), y(DType::i64, {n});
  for (int64_t i = 0; i < x.numel(); ++i) x.as<uint8_t>()[i] = static_cast<uint8_t>(i * 37);
  for (int64_t i = 0; i < n; ++i) y.as<int64_t>()[i] = i % 10;
  return std::make_shared<ArrayDataset>(x, y,
                                        ArrayDataset::Options{.image = true, .num_classes = 10});
}

std::shared_ptr<ArrayDataset> numbers(int64_t n) {
  Array x(DType::f32, {n, 2}), y(DType::i64, {n});
  std::iota(x.as<float>(), x.as<float>() + 2 * n, 0.0f);
  std::iota(y.as<int64_t>(), y.as<int64_t>() + n, int64_t{0});
  return std::make_shared<ArrayDataset>(x, y);
}

// All bytes of the batches of an epoch, one text for each.
std::vector<std::string> epoch(Loader& loader) {
  std::vector<std::string> batches;
  for (auto [x, y] : loader) {
    batches.push_back(std::string(x.as<char>(), x.bytes()) + std::string(y.as<char>(), y.bytes()));
  }
  return batches;
}

std::vector<int64_t> labels(Loader& loader) {
  std::vector<int64_t> all;
  for (auto [x, y] : loader)
    all.insert(all.end(), y.span<int64_t>().begin(), y.span<int64_t>().end());
  return all;
}

// A dataset whose reading fails at one sample.
class Failing : public Dataset {
 public:
  explicit Failing(std::set<int64_t> bad) : bad_(std::move(bad)) {}
  int64_t size() const override { return 100; }
  SampleSpec spec() const override { return {.x_dtype = DType::i64}; }
  void read(int64_t index, Random&, void* x, void* y) const override {
    if (bad_.contains(index)) {
      fail(ErrorCode::kBadFile, "photo-" + std::to_string(index) + ".jpg", "is broken");
    }
    std::memcpy(x, &index, sizeof index);
    std::memcpy(y, &index, sizeof index);
  }

 private:
  std::set<int64_t> bad_;
};

TEST(Loader, GivesEverySampleOnceInOrder) {
  Loader loader(numbers(10), {.batch = 4});
  EXPECT_EQ(loader.batches(), 3);
  std::vector<Shape> shapes;
  for (auto [x, y] : loader) {
    shapes.push_back(x.shape);
    EXPECT_EQ(x.as<float>()[0], 2 * static_cast<float>(y.as<int64_t>()[0]));
  }
  EXPECT_EQ(shapes, (std::vector<Shape>{{4, 2}, {4, 2}, {2, 2}}));
  EXPECT_EQ(labels(loader), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  Loader dropped(numbers(10), {.batch = 4, .drop_last = true});
  EXPECT_EQ(labels(dropped).size(), 8u);
}

TEST(Loader, ShufflesAnewEachEpochButTheSameForASeed) {
  Loader a(numbers(100), {.batch = 7, .shuffle = true, .seed = 1});
  Loader b(numbers(100), {.batch = 7, .shuffle = true, .seed = 1});
  Loader c(numbers(100), {.batch = 7, .shuffle = true, .seed = 2});
  const auto first = labels(a), second = labels(a);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, labels(b));
  EXPECT_EQ(second, labels(b));
  EXPECT_NE(first, labels(c));
  EXPECT_EQ(std::set<int64_t>(first.begin(), first.end()).size(), 100u);
}

TEST(Loader, TheNumberOfWorkersChangesNothing) {
  for (const Mix& mix : {Mix{}, Mix{Mixup{}}, Mix{CutMix{}}}) {
    std::vector<std::string> expected;
    for (int workers : {0, 1, 2, 5}) {
      LoaderOptions options{.batch = 9, .shuffle = true, .workers = workers, .seed = 3};
      options.augment = {RandomCrop{.padding = 2}, HorizontalFlip{}, RandAugment{},
                         ColourJitter{0.4f, 0.4f, 0.4f, 0.1f}};
      options.mix = mix;
      Loader loader(images(50), options);
      std::vector<std::string> got = epoch(loader);
      for (std::string& batch : epoch(loader)) got.push_back(std::move(batch));
      if (workers == 0) expected = got;
      EXPECT_EQ(got, expected) << workers << " workers";
    }
  }
}

TEST(Loader, TurnsImagesIntoFloatPlanesUnlessRaw) {
  const auto dataset = images(4);
  Loader loader(dataset, {.batch = 4});
  for (auto [x, y] : loader) {
    EXPECT_EQ(x.dtype, DType::f32);
    EXPECT_EQ(x.shape, (Shape{4, 3, 8, 8}));
    // Sample 1, channel 2, row 3, column 5.
    const int64_t at = ((1 * 8 + 3) * 8 + 5) * 3 + 2;
    EXPECT_FLOAT_EQ(x.as<float>()[((1 * 3 + 2) * 8 + 3) * 8 + 5],
                    static_cast<float>(dataset->x().as<uint8_t>()[at]) / 255);
  }
  Loader raw(dataset, {.batch = 4, .raw = true});
  for (auto [x, y] : raw) EXPECT_EQ(std::memcmp(x.as<char>(), dataset->x().as<char>(), 768), 0);
}

TEST(Loader, UsesMemoryAgainButNeverWhatIsStillHeld) {
  Loader loader(numbers(400), {.batch = 4, .workers = 2, .prefetch = 2});
  std::set<const void*> seen;
  for (auto [x, y] : loader) seen.insert(x.as<char>());
  EXPECT_EQ(seen.size(), 3u);
  std::vector<Array> kept;
  for (auto [x, y] : loader) kept.push_back(x);
  for (size_t i = 0; i < kept.size(); ++i) {
    EXPECT_EQ(kept[i].as<float>()[0], static_cast<float>(i) * 8);
  }
}

TEST(Loader, ResumesFromEpochAndBatch) {
  const LoaderOptions options{.batch = 5, .shuffle = true, .workers = 2, .seed = 4};
  Loader whole(images(48), options);
  std::vector<std::string> all = epoch(whole);
  for (std::string& batch : epoch(whole)) all.push_back(std::move(batch));
  EXPECT_EQ(whole.position(), (LoaderPosition{2, 0}));

  Loader broken(images(48), options);
  epoch(broken);
  int count = 0;
  for (auto [x, y] : broken) {
    if (++count == 3) break;
  }
  EXPECT_EQ(broken.position(), (LoaderPosition{1, 3}));
  Loader resumed(images(48), options);
  resumed.seek(broken.position());
  const std::vector<std::string> rest = epoch(resumed);
  EXPECT_EQ(rest, std::vector<std::string>(all.begin() + 13, all.end()));
  EXPECT_EQ(resumed.position(), (LoaderPosition{2, 0}));
}

TEST(Loader, ALoopAfterABreakIsTheNextEpoch) {
  Loader loader(numbers(20), {.batch = 2, .shuffle = true, .workers = 2});
  for (auto [x, y] : loader) break;
  Loader other(numbers(20), {.batch = 2, .shuffle = true});
  labels(other);
  EXPECT_EQ(labels(loader), labels(other));
}

TEST(Loader, SeekInsideALoopEndsIt) {
  Loader loader(numbers(20), {.batch = 2, .workers = 1});
  int count = 0;
  for (auto [x, y] : loader) {
    ++count;
    loader.seek({0, 7});
  }
  EXPECT_EQ(count, 1);
  EXPECT_EQ(labels(loader).front(), 14);
}

TEST(Loader, PassesOnTheEarliestErrorOfABatchAndGoesOn) {
  for (int workers : {0, 1, 3}) {
    Loader loader(std::make_shared<Failing>(std::set<int64_t>{45, 42, 90}),
                  {.batch = 10, .workers = workers});
    for (int repeat = 0; repeat < 2; ++repeat) {
      int count = 0;
      EXPECT_ERROR(for (auto [x, y] : loader) { ++count; }, kBadFile, "photo-42.jpg: is broken");
      EXPECT_EQ(count, 4);
    }
    Loader first(std::make_shared<Failing>(std::set<int64_t>{0}), {.workers = workers});
    EXPECT_ERROR(first.begin(), kBadFile, "photo-0.jpg: is broken");
  }
}

TEST(Loader, MixupGivesSharesOfClasses) {
  LoaderOptions options{.batch = 8};
  options.mix = Mixup{.alpha = 1};
  Loader loader(images(8), options);
  Loader plain(images(8), {.batch = 8});
  Array original;
  for (auto [x, y] : plain) original = x;
  for (auto [x, y] : loader) {
    ASSERT_EQ(y.shape, (Shape{8, 10}));
    const float share = y.as<float>()[0];
    EXPECT_FLOAT_EQ(y.as<float>()[7], 1 - share);  // samples 0 and 7, labels 0 and 7
    EXPECT_NEAR(x.as<float>()[0],
                share * original.as<float>()[0] + (1 - share) * original.as<float>()[7 * 192],
                1e-6);
  }
}

TEST(Loader, CutMixSharesAreTheAreas) {
  LoaderOptions options{.batch = 2};
  options.mix = CutMix{};
  Array x(DType::u8, {2, 16, 16, 1}), y(DType::i64, {2});
  std::fill_n(x.as<uint8_t>(), 256, uint8_t{0});
  std::fill_n(x.as<uint8_t>() + 256, 256, uint8_t{255});
  y.as<int64_t>()[0] = 0, y.as<int64_t>()[1] = 1;
  const auto dataset =
      std::make_shared<ArrayDataset>(x, y, ArrayDataset::Options{.image = true, .num_classes = 2});
  Loader loader(dataset, options);
  for (int i = 0; i < 20; ++i) {
    for (auto [mixed, soft] : loader) {
      const float white = std::accumulate(mixed.as<float>(), mixed.as<float>() + 256, 0.0f) / 256;
      EXPECT_NEAR(soft.as<float>()[1], white, 1e-5);
    }
  }
}

TEST(Loader, RefusesOptionsThatDoNotFit) {
  EXPECT_ERROR(Loader(numbers(4), {.batch = 0}), kInvalidArgument,
               "loader: batch must be at least 1, got 0");
  EXPECT_ERROR(Loader(numbers(4), {.batch = 8, .drop_last = true}), kInvalidArgument,
               "loader: drop_last leaves nothing: 4 samples are no full batch of 8");
  EXPECT_ERROR(Loader(numbers(4), {.workers = 1000}), kInvalidArgument,
               "loader: workers must be -1 to 256, got 1000");
  EXPECT_ERROR(Loader(numbers(4), {.prefetch = 0}), kInvalidArgument,
               "loader: prefetch must be 1 to 1024, got 0");
  EXPECT_ERROR(Loader(numbers(4), {.augment = {HorizontalFlip{}}}), kInvalidArgument,
               "loader: augment needs images that are not raw");
  EXPECT_ERROR(Loader(numbers(4), {.mix = Mixup{}}), kInvalidArgument,
               "loader: mixup and cutmix need images with class labels");
  EXPECT_ERROR(Loader(images(4), {.mix = Mixup{0}}), kInvalidArgument,
               "mixup: alpha must be above 0 and at most 100, got 0");
  EXPECT_ERROR(Loader(images(4), {.mix = CutMix{NAN}}), kInvalidArgument,
               "cutmix: alpha must be above 0 and at most 100, got nan");
  Loader loader(numbers(4), {.batch = 2});
  EXPECT_ERROR(loader.seek({0, 2}), kInvalidArgument,
               "loader: cannot go to epoch 0, batch 2: an epoch has 2 batches");
}

TEST(Loader, StopsCleanlyInTheMiddle) {
  for (int i = 0; i < 50; ++i) {
    Loader loader(images(64), {.batch = 4, .workers = 3, .prefetch = 4});
    for (auto [x, y] : loader) break;
  }
}

}  // namespace
}  // namespace suan::data
