// A strided copy as one launch, planned once. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

#include "suan/backend/cuda/kernels/move_params.h"
#include "suan/backend/cuda/own_kernel.h"
#include "suan/backend/strided_copy.h"
#include "suan/base/dtype.h"

namespace suan::cuda {

// Copies of elements of this many bytes. Both blocks begin at multiples of 16 bytes.
class Mover {
 public:
  Mover(StridedCopy copy, size_t element);
  void run(Gpu& gpu, const void* from, void* to) const;

 private:
  void choose();
  bool take_tiles(const MoveDim& line);
  // Whether `piece` elements always lie together on a side, and begin at a multiple of that.
  bool aligned(int64_t piece, int64_t MoveDim::* side, int64_t first) const;
  void finish(const char* kernel, size_t piece);

  std::vector<MoveDim> dims_;  // the innermost last
  int64_t from_, to_;          // where the first element lies
  size_t element_;
  bool empty_, tiled_ = false;
  CopyParams copy_{};
  TilesParams tiles_{};
  OwnKernel kernel_;
};

// "copy_b4": of the kernels for elements of this many bytes.
std::string sized_name(const char* kernel, size_t bytes);

// How many elements of rows of this many can move at once: at most 16 bytes.
int64_t elements_at_once(int64_t row, size_t element);

// As many elements equal to the number as 16 bytes hold.
void repeat_number(double value, DType dtype, unsigned char (&bytes)[16]);

}  // namespace suan::cuda
