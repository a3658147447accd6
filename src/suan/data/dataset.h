// Dataset: numbered samples of one type, read by several threads at once into memory of the
// caller's. What a Loader makes batches from.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suan/base/array.h"
#include "suan/base/random.h"

namespace suan::data {

// What one sample is. An image is u8 [height, width, channels]; a loader turns it into f32
// [channels, height, width].
struct SampleSpec {
  DType x_dtype = DType::f32;
  Shape x_shape;
  DType y_dtype = DType::i64;
  Shape y_shape;
  bool image = false;
  int64_t classes = 0;  // labels are in [0, classes); 0: no labels of that kind
};

class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual SampleSpec spec() const = 0;
  // Writes sample `index` of [0, size()) as the spec says. `random` is the stream of this sample in
  // this epoch. Throws Error naming the file when the sample cannot be read.
  virtual void read(int64_t index, Random& random, void* x, void* y) const = 0;
  // The names of the classes, or nothing.
  virtual const std::vector<std::string>& classes() const {
    static const std::vector<std::string> none;
    return none;
  }
};
using DatasetPtr = std::shared_ptr<const Dataset>;

// Samples along the first dimension of two arrays in memory.
class ArrayDataset : public Dataset {
 public:
  struct Options {
    bool image = false;  // x is u8 [n, height, width, channels]
    int64_t num_classes = 0;
    std::vector<std::string> classes;
  };
  // Throws Error when the arrays have different lengths, and Error(kOutOfRange) when a label is not
  // in [0, num_classes). Without y, every y is 0.
  ArrayDataset(Array x, Array y) : ArrayDataset(std::move(x), std::move(y), Options{}) {}
  ArrayDataset(Array x, Array y, Options options);

  int64_t size() const override { return x_.shape[0]; }
  SampleSpec spec() const override { return spec_; }
  void read(int64_t index, Random& random, void* x, void* y) const override;
  const std::vector<std::string>& classes() const override { return classes_; }
  const Array& x() const { return x_; }
  const Array& y() const { return y_; }

 private:
  Array x_, y_;
  SampleSpec spec_;
  size_t x_bytes_ = 0, y_bytes_ = 0;
  std::vector<std::string> classes_;
};

// Rows of a CSV file: x are its numbers, y its label column. See formats/csv.h.
DatasetPtr csv_dataset(const std::string& path, const std::string& label);
// The arrays of two .npy files.
DatasetPtr npy_dataset(const std::string& x_path, const std::string& y_path);

// The bytes of one sample's x and y.
inline size_t x_bytes(const SampleSpec& spec) {
  return static_cast<size_t>(spec.x_shape.numel()) * size_of(spec.x_dtype);
}
inline size_t y_bytes(const SampleSpec& spec) {
  return static_cast<size_t>(spec.y_shape.numel()) * size_of(spec.y_dtype);
}

}  // namespace suan::data
