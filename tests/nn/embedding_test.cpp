// Embedding: rows, the padding row, what it refuses.
// SPDX-License-Identifier: Apache-2.0
#include "suan/nn/embedding.h"

#include <gtest/gtest.h>

#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/tensor/compile.h"
#include "tests/expect_error.h"

namespace suan::nn {
namespace {

TEST(Embedding, LooksUpRowsAndLeavesPaddingZero) {
  Embedding table(4, 2, {.padding_index = 1});
  const Tensor ids = Tensor::of<int64_t>({3, 1, 3}, {3});
  const Tensor y = table(ids);
  const Array rows = y.array(), weight = table.weight->array();
  EXPECT_EQ(rows.as<float>()[0], weight.as<float>()[6]);
  EXPECT_EQ(rows.as<float>()[2], 0);
  const Array g = grad(sum(y), {table.weight})[0].array();
  EXPECT_EQ(std::vector<float>(g.span<float>().begin(), g.span<float>().end()),
            (std::vector<float>{0, 0, 0, 0, 0, 0, 2, 2}));
}

TEST(Embedding, RefusesWhatIsOutsideTheTable) {
  EXPECT_ERROR(Embedding(4, 2, {.padding_index = 4}), kInvalidArgument,
               "Embedding: padding_index is 4, expected -1 or a row below 4");
  EXPECT_ERROR(Embedding(0, 2), kInvalidArgument, "Embedding: got 0 rows of 2, expected 1 or more");
  Embedding table(4, 2);
  EXPECT_ERROR(table(Tensor::of<int64_t>({0, 4}, {2})).array(), kOutOfRange,
               "gather: index 4 at position 1 is outside [-4, 4)");
}

}  // namespace
}  // namespace suan::nn
