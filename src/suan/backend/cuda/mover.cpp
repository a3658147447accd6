// Choosing how a copy moves: whole pieces where both sides are contiguous, tiles where what is
// contiguous changes, else element by element in the order of the destination.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/mover.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "suan/backend/cuda/source.h"
#include "suan/backend/reference/element.h"

namespace suan::cuda {
namespace {

constexpr int64_t kTileLeast = 12;  // elements along a side that are worth a tile

CopyDim copy_dim(const MoveDim& d) { return {divider(d.size), d.from, d.to}; }

}  // namespace

std::string sized_name(const char* kernel, size_t bytes) {
  return fmt::format("{}_b{}", kernel, bytes);
}

int64_t elements_at_once(int64_t row, size_t element) {
  auto piece = static_cast<int64_t>(16 / element);
  while (row % piece != 0) piece /= 2;
  return piece;
}

void repeat_number(double value, DType dtype, unsigned char (&bytes)[16]) {
  alignas(8) unsigned char one[8];
  reference::store(Operand{one, Type(dtype, {})}, 0, value);
  const size_t size = size_of(dtype);
  for (size_t i = 0; i < sizeof bytes; i += size) std::memcpy(bytes + i, one, size);
}

Mover::Mover(StridedCopy copy, size_t element)
    : dims_(std::move(copy.dims)), from_(copy.from), to_(copy.to), element_(element) {
  empty_ = std::any_of(dims_.begin(), dims_.end(), [](const MoveDim& d) { return d.size == 0; });
  if (empty_) return;
  collapse(dims_);
  choose();
}

bool Mover::aligned(int64_t piece, int64_t MoveDim::* side, int64_t first) const {
  return first % piece == 0 && std::all_of(dims_.begin(), dims_.end(), [&](const MoveDim& d) {
           return d.*side == 1 ? d.size % piece == 0 : d.*side % piece == 0;
         });
}

void Mover::choose() {
  if (dims_.empty() || dims_.back().to != 1) return finish("copy", element_);
  MoveDim& line = dims_.back();
  const auto most = static_cast<int64_t>(16 / element_);
  if (line.from == 0 && aligned(most, &MoveDim::to, to_)) {
    line.size /= most;
    for (MoveDim& d : dims_) d.to /= d.to == 1 ? 1 : most;
    return finish("copy_repeated", element_);
  }
  if (line.from == 1) {
    int64_t piece = most;
    while (!aligned(piece, &MoveDim::from, from_) || !aligned(piece, &MoveDim::to, to_)) {
      piece /= 2;
    }
    line.size /= piece;
    for (MoveDim& d : dims_) {
      if (d.from != 1) d.from /= piece;
      if (d.to != 1) d.to /= piece;
    }
    return finish("copy", element_ * static_cast<size_t>(piece));
  }
  if (!take_tiles(line)) finish("copy", element_);
}

bool Mover::take_tiles(const MoveDim& line) {
  const auto rows =
      std::find_if(dims_.begin(), dims_.end(), [](const MoveDim& d) { return d.from == 1; });
  if (rows == dims_.end() || std::min(rows->size, line.size) < kTileLeast) return false;
  const auto pack = static_cast<int64_t>(element_ < 4 ? 4 / element_ : 1), side = 32 * pack;
  tiled_ = true;
  tiles_.rows = rows->size;
  tiles_.rows_to = rows->to;
  tiles_.line = line.size;
  tiles_.line_from = line.from;
  tiles_.packed_from = aligned(pack, &MoveDim::from, from_);
  tiles_.packed_to = aligned(pack, &MoveDim::to, to_);
  const int64_t row_tiles = (rows->size + side - 1) / side;
  const int64_t line_tiles = (line.size + side - 1) / side;
  tiles_.row_tiles = divider(row_tiles);
  tiles_.line_tiles = divider(line_tiles);
  int64_t tiles = row_tiles * line_tiles;
  for (size_t i = dims_.size() - 1; i-- > 0;) {
    if (dims_.begin() + static_cast<std::ptrdiff_t>(i) == rows) continue;
    tiles *= dims_[i].size;
    tiles_.dims[tiles_.rank++] = copy_dim(dims_[i]);
  }
  tiles_.tiles = static_cast<uint64_t>(tiles);
  kernel_ = OwnKernel(sized_name("copy_tiles", element_));
  return true;
}

void Mover::finish(const char* kernel, size_t piece) {
  copy_.count = 1;
  for (size_t i = dims_.size(); i-- > 0;) {
    copy_.count *= static_cast<uint64_t>(dims_[i].size);
    copy_.dims[copy_.rank++] = copy_dim(dims_[i]);
  }
  kernel_ = OwnKernel(sized_name(kernel, piece));
}

void Mover::run(Gpu& gpu, const void* from, void* to) const {
  if (empty_) return;
  const auto bytes = static_cast<int64_t>(element_);
  const void* source = static_cast<const char*>(from) + from_ * bytes;
  void* place = static_cast<char*>(to) + to_ * bytes;
  if (tiled_) {
    TilesParams p = tiles_;
    p.from = source;
    p.to = place;
    launch_for(kernel_, gpu, p.tiles * 256, p);
  } else {
    CopyParams p = copy_;
    p.from = source;
    p.to = place;
    launch_for(kernel_, gpu, p.count, p);
  }
}

}  // namespace suan::cuda
