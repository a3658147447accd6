// Shape arithmetic and the process-wide table of symbol names.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/shape.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "suan/base/error.h"

namespace suan {
namespace {

struct SymbolTable {
  std::mutex mutex;
  std::vector<std::string> names;
};
SymbolTable& symbol_table() {
  static SymbolTable table;
  return table;
}

}  // namespace

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  if (sizes.size() > kMaxRank) {
    fail("shape", "got {} dimensions, at most {} are supported", sizes.size(), kMaxRank);
  }
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
}

Shape Shape::filled(int rank, int64_t size) {
  Shape s;
  for (int i = 0; i < rank; ++i) s.push_back(size);
  return s;
}

void Shape::push_back(int64_t size) {
  if (rank_ == kMaxRank) fail("shape", "more than {} dimensions are not supported", kMaxRank);
  sizes_[rank_++] = size;
}

void Shape::insert(int axis, int64_t size) {
  push_back(size);
  std::rotate(begin() + axis, end() - 1, end());
}

void Shape::erase(int axis) {
  std::copy(begin() + axis + 1, end(), begin() + axis);
  --rank_;
}

int64_t Shape::numel(int first, int end) const {
  int64_t n = 1;
  bool large = false;
  for (int64_t size : std::span(sizes_).subspan(first, end - first)) {
    if (size == 0) return 0;
    large = __builtin_mul_overflow(n, size, &n) || large;
  }
  return large ? INT64_MAX : n;
}

bool Shape::fits_memory() const {
  constexpr int64_t kMost = int64_t{1} << 48;
  int64_t n = 1;
  for (int64_t size : *this) {
    if (size > kMost / n) return false;
    n *= std::max<int64_t>(size, 1);
  }
  return true;
}

bool Shape::is_concrete() const {
  return std::all_of(begin(), end(), [](int64_t size) { return size >= 0; });
}

Shape Shape::strides() const {
  Shape s = *this;
  int64_t stride = 1;
  for (int i = rank_ - 1; i >= 0; --i) {
    s[i] = stride;
    stride *= sizes_[i];
  }
  return s;
}

bool Shape::operator==(const Shape& other) const {
  return rank_ == other.rank_ && std::equal(begin(), end(), other.begin());
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) {
    if (i) text += ", ";
    text += shape[i] < 0 ? symbol_name(shape[i]) : std::to_string(shape[i]);
  }
  return text + "]";
}

Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view op) {
  const int rank = std::max(a.rank(), b.rank());
  Shape out = Shape::filled(rank, 1);
  for (int i = 1; i <= rank; ++i) {
    const int64_t x = i <= a.rank() ? a[a.rank() - i] : 1;
    const int64_t y = i <= b.rank() ? b[b.rank() - i] : 1;
    if (x != y && x != 1 && y != 1) {
      fail(op, "shapes {} and {} do not broadcast", to_string(a), to_string(b));
    }
    out[rank - i] = x == 1 ? y : x;
  }
  return out;
}

bool broadcasts_to(const Shape& from, const Shape& to) {
  if (from.rank() > to.rank()) return false;
  for (int i = 1; i <= from.rank(); ++i) {
    const int64_t size = from[from.rank() - i];
    if (size != 1 && size != to[to.rank() - i]) return false;
  }
  return true;
}

int64_t symbol(std::string_view name) {
  SymbolTable& table = symbol_table();
  const std::lock_guard lock(table.mutex);
  auto it = std::find(table.names.begin(), table.names.end(), name);
  if (it == table.names.end()) it = table.names.insert(it, std::string(name));
  return -1 - (it - table.names.begin());
}

std::string symbol_name(int64_t symbol) {
  SymbolTable& table = symbol_table();
  const std::lock_guard lock(table.mutex);
  const auto i = static_cast<size_t>(-1 - symbol);
  return i < table.names.size() ? table.names[i] : "?";
}

int normalize_axis(int64_t axis, int rank, std::string_view op) {
  if (axis < -rank || axis >= rank) fail(op, "axis {} is out of range for rank {}", axis, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

bool next_index(Shape& index, const Shape& shape) {
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (++index[i] < shape[i]) return true;
    index[i] = 0;
  }
  return false;
}

}  // namespace suan
