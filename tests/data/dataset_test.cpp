// The datasets: MNIST and CIFAR files, image folders and archives, text, graphs, CSV and npy.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/dataset.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdlib>
#include <numeric>

#include "suan/data/cifar_binary.h"
#include "suan/data/graph_data.h"
#include "suan/data/image_folder.h"
#include "suan/data/mnist.h"
#include "suan/data/text_corpus.h"
#include "suan/formats/idx.h"
#include "suan/formats/image.h"
#include "suan/formats/npy.h"
#include "tests/expect_error.h"
#include "tests/tar_of.h"
#include "tests/temp_folder.h"

namespace suan::data {
namespace {

Array u8(Shape shape, uint8_t value) {
  Array array(DType::u8, shape);
  std::fill_n(array.as<uint8_t>(), array.numel(), value);
  return array;
}
std::string flat_png(uint8_t value, int64_t side = 2) {
  return formats::encode_png(u8({side, side, 3}, value));
}
// x[0] and y of a sample.
std::pair<int, int64_t> sample(const Dataset& dataset, int64_t index) {
  std::vector<uint8_t> x(x_bytes(dataset.spec()));
  int64_t y = -1;
  Random random(0);
  dataset.read(index, random, x.data(), &y);
  return {x[0], y};
}

TEST(ArrayDataset, RefusesLengthsAndLabelsThatDoNotFit) {
  const Array x = u8({2, 1, 1, 1}, 0);
  EXPECT_ERROR(ArrayDataset(x, Array(DType::i64, {3})), kInvalidArgument,
               "dataset: x [2, 1, 1, 1] and y [3] have different lengths");
  const Array y = Array::of<int64_t>(std::vector<int64_t>{0, 5}, {2});
  EXPECT_ERROR(ArrayDataset(x, y, {.num_classes = 5}), kOutOfRange,
               "dataset: label 5 of sample 1 is out of range for 5 classes");
  EXPECT_ERROR(ArrayDataset(x, u8({2}, 0), {.num_classes = 5}), kInvalidArgument,
               "dataset: labels are i64 [n], got u8 [2]");
  EXPECT_ERROR(ArrayDataset(u8({2}, 0), y, {.image = true}), kInvalidArgument,
               "dataset: images are u8 [n, height, width, channels], got u8 [2]");
  EXPECT_ERROR(ArrayDataset(u8({}, 0), y), kInvalidArgument,
               "dataset: x needs a first dimension to count");
  EXPECT_EQ(sample(ArrayDataset(x, {}), 1).second, 0);
}

class MnistFiles {
 public:
  MnistFiles(const Array& images, const Array& labels) {
    formats::write_idx(folder_ / "train-images-idx3-ubyte.gz", images);
    formats::write_idx(folder_ / "train-labels-idx1-ubyte", labels);
  }
  const std::string& path() const { return folder_.path(); }

 private:
  TempFolder folder_;
};

TEST(Mnist, ReadsPlainAndGzippedFiles) {
  const MnistFiles files(u8({3, 4, 4}, 9), u8({3}, 7));
  const auto dataset = mnist(files.path());
  EXPECT_EQ(dataset->spec().x_shape, (Shape{4, 4, 1}));
  EXPECT_EQ(sample(*dataset, 2), (std::pair<int, int64_t>{9, 7}));
}

TEST(Mnist, NamesTheFileThatDoesNotFit) {
  const MnistFiles label(u8({3, 4, 4}, 9), u8({3}, 10));
  EXPECT_ERROR(mnist(label.path()), kOutOfRange,
               label.path() +
                   "/train-labels-idx1-ubyte: label 10 of image 0 is out of range for 10 classes");
  const MnistFiles count(u8({3, 4, 4}, 9), u8({2}, 1));
  EXPECT_ERROR(
      mnist(count.path()), kBadFile,
      count.path() + "/train-labels-idx1-ubyte: holds u8 [2], expected u8 [3], one for each image");
  const MnistFiles rank(u8({3, 4}, 9), u8({3}, 1));
  EXPECT_ERROR(mnist(rank.path()), kBadFile,
               rank.path() +
                   "/train-images-idx3-ubyte.gz: holds u8 [3, 4], expected u8 [n, "
                   "height, width]");
  EXPECT_ERROR(mnist(rank.path(), Split::test), kBadFile,
               rank.path() +
                   "/t10k-images-idx3-ubyte.gz: could not open it: No such file or "
                   "directory");
}

TEST(CifarBinary, ReadsPlanesIntoPixels) {
  const TempFolder folder;
  std::string record(3073, '\3');
  record[0] = 9;
  std::fill_n(record.begin() + 1 + 1024, 1024, '\4');
  folder.file("test_batch.bin", record + record);
  const auto dataset = cifar_binary(folder.path(), Split::test);
  EXPECT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->x().as<uint8_t>()[1], 4);
  EXPECT_EQ(dataset->classes()[9], "truck");
  record[0] = 10;
  const std::string path = folder.file("test_batch.bin", record);
  EXPECT_ERROR(cifar_binary(folder.path(), Split::test), kOutOfRange,
               path + ": label 10 of image 0 is out of range for 10 classes");
  folder.file("test_batch.bin", record.substr(1));
  EXPECT_ERROR(cifar_binary(folder.path(), Split::test), kBadFile,
               path + ": has 3072 bytes, expected a multiple of 3073");
}

class PetFolder {
 public:
  PetFolder() {
    folder_.file("train/cat/b.PNG", flat_png(2));
    folder_.file("train/cat/a.jpg", formats::encode_jpeg(u8({2, 2, 3}, 1)));
    folder_.file("train/ant/c.png", flat_png(3));
    folder_.file("train/ant/readme.txt", "not an image");
    folder_.file("test/cat/d.png", flat_png(4));
  }
  const TempFolder& operator()() const { return folder_; }

 private:
  TempFolder folder_;
};

TEST(ImageFolder, NumbersSortedClassesAlikeInEverySplit) {
  const PetFolder pets;
  const ImageFolder train(pets().path(), "train"), test(pets().path(), "test");
  EXPECT_EQ(train.classes(), (std::vector<std::string>{"ant", "cat"}));
  for (int pass = 0; pass < 2; ++pass) {  // decoded, then from the cache
    EXPECT_EQ(sample(train, 0), (std::pair<int, int64_t>{3, 0}));
    EXPECT_EQ(sample(train, 1), (std::pair<int, int64_t>{1, 1}));
    EXPECT_EQ(sample(train, 2), (std::pair<int, int64_t>{2, 1}));
  }
  EXPECT_EQ(sample(test, 0), (std::pair<int, int64_t>{4, 1}));
  const ImageFolder uncached(pets().path(), "train", {.cache_bytes = 0});
  EXPECT_EQ(sample(uncached, 2), (std::pair<int, int64_t>{2, 1}));
}

TEST(ImageFolder, ReadsTheSameOutOfATarZst) {
  const std::string tar = tar_entry("./train/cat/a.png", flat_png(1)) +
                          tar_entry("./train/ant/b.png", flat_png(2)) +
                          tar_entry("./test/cat/c.png", flat_png(3)) + tar_end();
  std::string packed(ZSTD_compressBound(tar.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), tar.data(), tar.size(), 3));
  const TempFolder folder;
  const ImageFolder train(folder.file("x.tar.zst", packed), "train");
  EXPECT_EQ(train.size(), 2);
  EXPECT_EQ(sample(train, 0), (std::pair<int, int64_t>{2, 0}));
  const ImageFolder test(folder.file("x.tar", tar), "test");
  EXPECT_EQ(sample(test, 0), (std::pair<int, int64_t>{3, 1}));
}

TEST(ImageFolder, ScalesToAGivenSize) {
  const TempFolder folder;
  folder.file("a/1.png", flat_png(5, 4));
  folder.file("a/2.png", flat_png(6, 9));
  const ImageFolder scaled(folder.path(), "", {.height = 3, .width = 2, .channels = 1});
  EXPECT_EQ(scaled.spec().x_shape, (Shape{3, 2, 1}));
  EXPECT_EQ(sample(scaled, 1), (std::pair<int, int64_t>{6, 0}));
  const ImageFolder fixed(folder.path());
  EXPECT_ERROR(sample(fixed, 1), kBadFile,
               folder / "a/2.png" + ": is 9 x 9 pixels, expected 4 x 4");
}

TEST(ImageFolder, NamesWhatIsMissingOrUnknown) {
  const PetFolder pets;
  EXPECT_ERROR(ImageFolder(pets() / "no"), kBadFile,
               pets() / "no" + ": could not read the folder: No such file or directory");
  EXPECT_ERROR(ImageFolder(pets() / "train/ant"), kBadFile,
               pets() / "train/ant" + ": holds no .jpg or .png files in class folders");
  EXPECT_ERROR(ImageFolder(pets().path(), "train", {.classes = {"cat"}}), kBadFile,
               pets() / "train/ant/c.png" + ": is in the folder 'ant', which is no known class");
  EXPECT_ERROR(ImageFolder(pets().path(), "train", {.channels = 2}), kInvalidArgument,
               pets().path() + ": images have 1 or 3 channels, got 2");
  pets().file("train/ant/c.png", "damaged");
  EXPECT_ERROR(ImageFolder(pets().path(), "train"), kBadFile,
               pets() / "train/ant/c.png" + ": is no JPEG, JPEG 2000, PNG or WebP image");
}

TEST(TextCorpus, WindowsAreOneTokenApart) {
  Array tokens(DType::i32, {11});
  std::iota(tokens.as<int32_t>(), tokens.as<int32_t>() + 11, 0);
  const TextCorpus in_order(tokens, 11, {.context = 3, .random = false});
  EXPECT_EQ(in_order.size(), 3);
  int64_t x[3], y[3];
  Random random(1);
  in_order.read(2, random, x, y);
  EXPECT_EQ(x[0], 6);
  EXPECT_EQ(y[2], 9);
  const TextCorpus anywhere(tokens, 11, {.context = 10, .samples = 50});
  EXPECT_EQ(anywhere.size(), 50);
  for (int i = 0; i < 50; ++i) {
    int64_t a[10], b[10];
    anywhere.read(i, random, a, b);
    EXPECT_EQ(a[0], 0);
    EXPECT_EQ(b[9], 10);
  }
}

TEST(TextCorpus, RefusesShortTextsAndUnknownTokens) {
  const Array tokens = Array::of<int32_t>(std::vector{0, 3}, {2});
  EXPECT_ERROR(TextCorpus(tokens, 4, {.context = 2}), kInvalidArgument,
               "text corpus: got 2 tokens, a window of context 2 needs 3");
  EXPECT_ERROR(TextCorpus(tokens, 3, {.context = 1}), kOutOfRange,
               "text corpus: token 3 at 1 is outside the vocabulary of 3");
  EXPECT_ERROR(TextCorpus(Array(DType::f32, {2}), 3, {}), kInvalidArgument,
               "text corpus: tokens are i32 [n], got f32 [2]");
}

class SmallGraph {
 public:
  SmallGraph() {
    folder_.file("meta.json", "{\"nodes\": 3, \"features\": 4, \"classes\": 2}");
    folder_.file("edge.csv", "0,1\n1,2\n");
    folder_.file("node-feat.coo.csv", "0,3,1\n2,0,0.5\n");
    folder_.file("node-label.csv", "0\n1\n0\n");
    folder_.file("train.csv", "0\n");
    folder_.file("valid.csv", "1\n");
    folder_.file("test.csv", "2\n");
  }
  const TempFolder& operator()() const { return folder_; }

 private:
  TempFolder folder_;
};

TEST(GraphData, ReadsEdgesFeaturesLabelsAndSplit) {
  const SmallGraph files;
  const GraphData graph = read_graph(files().path());
  EXPECT_EQ(graph.edges.shape, (Shape{2, 2}));
  EXPECT_EQ(graph.edges.as<int64_t>()[3], 2);
  EXPECT_EQ(graph.dense_features().as<float>()[8], 0.5f);
  EXPECT_EQ(graph.labels.as<int64_t>()[1], 1);
  EXPECT_EQ(graph.test.as<int64_t>()[0], 2);
}

TEST(GraphData, NamesFileAndLineOfWhatDoesNotFit) {
  const SmallGraph files;
  files().file("edge.csv", "0,1\n1,3\n");
  EXPECT_ERROR(read_graph(files().path()), kOutOfRange,
               files() / "edge.csv" + ": line 2: 3 is out of range, expected 0 to 2");
  files().file("edge.csv", "0,1,2\n");
  EXPECT_ERROR(read_graph(files().path()), kBadFile,
               files() / "edge.csv" + ": line 1: got 3 fields, expected 2");
  files().file("edge.csv", "0,1\n");
  files().file("node-label.csv", "0\n1\n");
  EXPECT_ERROR(
      read_graph(files().path()), kBadFile,
      files() / "node-label.csv" + ": holds 2 labels, expected one for each of the 3 nodes");
  files().file("meta.json", "{\"nodes\": -3}");
  EXPECT_ERROR(read_graph(files().path()), kBadFile,
               files() / "meta.json" + ": has no usable number 'nodes'");
  files().file("meta.json", "[");
  EXPECT_ERROR(read_graph(files().path()), kBadFile, files() / "meta.json" + ": is no JSON object");
}

TEST(TableDatasets, ComeFromCsvAndNpyFiles) {
  const TempFolder folder;
  const DatasetPtr csv = csv_dataset(folder.file("x.csv", "a,kind,b\n1,dog,2\n3,cat,4\n"), "kind");
  EXPECT_EQ(csv->spec().x_shape, Shape{2});
  EXPECT_EQ(csv->classes(), (std::vector<std::string>{"cat", "dog"}));
  formats::write_npy(folder / "x.npy", u8({2, 3}, 4));
  formats::write_npy(folder / "y.npy", Array::of<int64_t>(std::vector<int64_t>{8, 9}, {2}));
  EXPECT_EQ(sample(*npy_dataset(folder / "x.npy", folder / "y.npy"), 1),
            (std::pair<int, int64_t>{4, 9}));
}

TEST(RealData, CoraCifarAndMnistHaveTheirPublishedSizes) {
  const char* root = std::getenv("SUAN_DATA");
  if (!root) GTEST_SKIP() << "SUAN_DATA is not set";
  const GraphData graph = read_graph(std::string(root) + "/graph/cora");
  EXPECT_EQ(graph.nodes, 2708);
  EXPECT_EQ(graph.edges.shape, (Shape{2, 5278}));
  EXPECT_EQ(graph.train.numel(), 140);
  const ImageFolder cifar(std::string(root) + "/cifar10_images.tar.zst", "test");
  EXPECT_EQ(cifar.size(), 10000);
  EXPECT_EQ(cifar.spec().x_shape, (Shape{32, 32, 3}));
  EXPECT_EQ(sample(cifar, 9999).second, 9);
  EXPECT_EQ(mnist(std::string(root) + "/mnist", Split::test)->size(), 10000);
}

}  // namespace
}  // namespace suan::data
