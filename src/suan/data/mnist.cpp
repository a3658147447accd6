// Two IDX files into one dataset.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/mnist.h"

#include <filesystem>

#include "suan/base/error.h"
#include "suan/formats/idx.h"

namespace suan::data {
namespace {

std::string plain_or_gzip(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? path : path + ".gz";
}

}  // namespace

std::shared_ptr<ArrayDataset> mnist(const std::string& folder, Split split) {
  constexpr int64_t kClasses = 10;
  const std::string start = folder + (split == Split::train ? "/train" : "/t10k");
  const std::string images_path = plain_or_gzip(start + "-images-idx3-ubyte");
  const std::string labels_path = plain_or_gzip(start + "-labels-idx1-ubyte");
  Array images = formats::read_idx(images_path);
  const Array bytes = formats::read_idx(labels_path);
  if (images.dtype != DType::u8 || images.shape.rank() != 3) {
    fail(ErrorCode::kBadFile, images_path, "holds {} {}, expected u8 [n, height, width]",
         name(images.dtype), to_string(images.shape));
  }
  if (bytes.dtype != DType::u8 || bytes.shape != Shape{images.shape[0]}) {
    fail(ErrorCode::kBadFile, labels_path, "holds {} {}, expected u8 [{}], one for each image",
         name(bytes.dtype), to_string(bytes.shape), images.shape[0]);
  }
  images.shape.push_back(1);
  Array labels(DType::i64, bytes.shape);
  for (int64_t i = 0; i < labels.numel(); ++i) {
    labels.as<int64_t>()[i] = bytes.as<uint8_t>()[i];
    if (bytes.as<uint8_t>()[i] >= kClasses) {
      fail(ErrorCode::kOutOfRange, labels_path,
           "label {} of image {} is out of range for {} "
           "classes",
           bytes.as<uint8_t>()[i], i, kClasses);
    }
  }
  return std::make_shared<ArrayDataset>(
      images, labels, ArrayDataset::Options{.image = true, .num_classes = kClasses});
}

}  // namespace suan::data
