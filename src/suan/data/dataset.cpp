// Datasets that lie in memory.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/dataset.h"

#include <algorithm>
#include <cstring>

#include "suan/base/error.h"
#include "suan/formats/csv.h"
#include "suan/formats/npy.h"

namespace suan::data {
namespace {

Shape without_first(Shape shape) {
  shape.erase(0);
  return shape;
}

}  // namespace

ArrayDataset::ArrayDataset(Array x, Array y, Options options)
    : x_(std::move(x)), y_(std::move(y)), classes_(std::move(options.classes)) {
  if (!x_.buffer || x_.shape.rank() == 0) fail("dataset", "x needs a first dimension to count");
  if (!y_.buffer) {
    y_ = Array(DType::i64, {x_.shape[0]});
    std::fill_n(y_.as<int64_t>(), y_.numel(), 0);
  }
  if (y_.shape.rank() == 0 || x_.shape[0] != y_.shape[0]) {
    fail("dataset", "x {} and y {} have different lengths", to_string(x_.shape),
         to_string(y_.shape));
  }
  spec_ = {x_.dtype,      without_first(x_.shape), y_.dtype, without_first(y_.shape),
           options.image, options.num_classes};
  if (spec_.image && (x_.dtype != DType::u8 || x_.shape.rank() != 4)) {
    fail("dataset", "images are u8 [n, height, width, channels], got {} {}", name(x_.dtype),
         to_string(x_.shape));
  }
  if (spec_.classes > 0) {
    if (y_.dtype != DType::i64 || y_.shape.rank() != 1) {
      fail("dataset", "labels are i64 [n], got {} {}", name(y_.dtype), to_string(y_.shape));
    }
    for (int64_t i = 0; i < y_.numel(); ++i) {
      const int64_t label = y_.as<int64_t>()[i];
      if (label < 0 || label >= spec_.classes) {
        fail(ErrorCode::kOutOfRange, "dataset",
             "label {} of sample {} is out of range for {} "
             "classes",
             label, i, spec_.classes);
      }
    }
  }
  x_bytes_ = x_bytes(spec_);
  y_bytes_ = y_bytes(spec_);
}

void ArrayDataset::read(int64_t index, Random&, void* x, void* y) const {
  const auto i = static_cast<size_t>(index);
  std::memcpy(x, x_.as<char>() + i * x_bytes_, x_bytes_);
  std::memcpy(y, y_.as<char>() + i * y_bytes_, y_bytes_);
}

DatasetPtr csv_dataset(const std::string& path, const std::string& label) {
  formats::CsvTable table = formats::read_csv(path, {.label = label});
  ArrayDataset::Options options;
  options.num_classes = static_cast<int64_t>(table.classes.size());
  options.classes = std::move(table.classes);
  return std::make_shared<ArrayDataset>(table.values, table.labels, options);
}

DatasetPtr npy_dataset(const std::string& x_path, const std::string& y_path) {
  return std::make_shared<ArrayDataset>(formats::read_npy(x_path), formats::read_npy(y_path));
}

}  // namespace suan::data
