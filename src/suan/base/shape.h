// Shape: the sizes of a tensor's dimensions, kept inline (no allocation), at most 8 of them.
// A negative size is a symbol ("batch"): it names a dimension and is bound before compilation.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace suan {

inline constexpr int kMaxRank = 8;

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);  // throws Error when there are more than 8
  static Shape filled(int rank, int64_t size);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t operator[](int i) const { return sizes_[i]; }
  int64_t& operator[](int i) { return sizes_[i]; }
  int64_t at(int axis) const { return sizes_[axis < 0 ? axis + rank_ : axis]; }  // -1 is the last
  const int64_t* begin() const { return sizes_.data(); }
  const int64_t* end() const { return sizes_.data() + rank_; }
  int64_t* begin() { return sizes_.data(); }
  int64_t* end() { return sizes_.data() + rank_; }
  int64_t back() const { return sizes_[rank_ - 1]; }
  void push_back(int64_t size);
  void insert(int axis, int64_t size);
  void erase(int axis);

  int64_t numel() const { return numel(0, rank_); }  // 1 for a scalar; at most INT64_MAX
  int64_t numel(int first, int end) const;           // of the axes first, ..., end - 1
  bool fits_memory() const;  // whether all products of sizes stay far below overflow
  bool is_concrete() const;  // no symbols
  Shape strides() const;     // row-major, in elements

  bool operator==(const Shape& other) const;

 private:
  std::array<int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
};

std::string to_string(const Shape& shape);  // "[2, 3]", "[batch, 3]"

// NumPy broadcasting of two shapes; throws Error naming `op` when they do not fit.
Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view op);
bool broadcasts_to(const Shape& from, const Shape& to);

// The negative number that stands for a named symbol, and its name again.
int64_t symbol(std::string_view name);
std::string symbol_name(int64_t symbol);

// `axis` counted from the front; throws Error naming `op` when it is out of range for `rank`.
int normalize_axis(int64_t axis, int rank, std::string_view op);

// Steps an index through `shape` in row-major order; false after the last one.
bool next_index(Shape& index, const Shape& shape);

}  // namespace suan
