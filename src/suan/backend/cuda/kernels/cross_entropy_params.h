// What kernels/cross_entropy.cu takes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <stdint.h>

namespace suan::cuda {

struct CrossEntropyParams {
  const void *x, *labels;
  void* loss;        // of all rows; null: not wanted
  void* slope;       // of each logit; null: not wanted
  void* row_losses;  // one for each row, of the loss's type
  int64_t* counted;  // rows that are not ignored
  void* fault;
  int64_t rows, length;
  int64_t ignore_index;
  double smoothing;
  int32_t narrow_labels;  // i32
  int32_t step, kind;     // of a fault
};

}  // namespace suan::cuda
