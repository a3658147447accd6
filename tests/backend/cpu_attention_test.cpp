// Attention and its gradient by tiles against the decompositions on the reference, at sizes beyond
// one tile of queries and one block of keys.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "suan/autodiff/gradient.h"
#include "suan/ops/attention.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/reduce.h"
#include "tests/backend/compare.h"
#include "tests/expect_error.h"

namespace suan {
namespace {

struct Sizes {
  int64_t b, h, h_kv, t, s, d, d_v;
};

std::vector<Type> types_of(const Sizes& z, DType dtype, bool inside) {
  const auto rows = [&](int64_t n, int64_t heads, int64_t width) {
    return Type(dtype, inside ? Shape{z.b, n, heads, width} : Shape{z.b, heads, n, width});
  };
  return {rows(z.t, z.h, z.d_v), rows(z.t, z.h, z.d), rows(z.s, z.h_kv, z.d),
          rows(z.s, z.h_kv, z.d_v)};
}

// y and logsumexp, then the gradients of sum(y w) + sum(logsumexp) / 10 in q, k and v. Further
// inputs become the mask and the lengths.
Trial attention_trial(const Sizes& z, DType dtype, AttentionAttrs attrs,
                      const std::vector<Type>& more = {}) {
  std::vector<Type> types = types_of(z, dtype, attrs.heads_inside);
  types.insert(types.end(), more.begin(), more.end());
  return trial(types, [&](const std::vector<Tensor>& x) {
    AttentionOperands operands;
    for (size_t i = 4; i < x.size(); ++i) {
      (x[i].dtype() == DType::i64 ? operands.lengths : operands.mask) = x[i];
    }
    const Attention a = attention_with_logsumexp(x[1], x[2], x[3], attrs, operands);
    const Tensor finite = select(is_finite(a.logsumexp), a.logsumexp, 0.0);
    const Tensor loss = sum(cast(a.y * x[0], DType::f32)) + sum(finite) * 0.1;
    const std::vector<Tensor> wrt{x[1], x[2], x[3]};
    std::vector<Tensor> out{a.y, a.logsumexp};
    for (const Tensor& g : gradients(loss, wrt)) out.push_back(g);
    return out;
  });
}

void expect_attention(const Trial& t, DType dtype) {
  EXPECT_THAT(kernels_of(t.graph), testing::HasSubstr("cpu_attention"));
  expect_same(t.graph, t.inputs, dtype == DType::f32 ? 2e-5 : 2e-2);
}

TEST(CpuAttention, EqualsTheReferenceForAnySizes) {
  const Sizes cases[] = {{2, 3, 3, 64, 64, 32, 32}, {1, 2, 2, 70, 70, 24, 40},
                         {2, 4, 2, 33, 33, 5, 3},   {1, 4, 1, 7, 300, 16, 16},
                         {1, 2, 1, 600, 600, 8, 8}, {1, 1, 1, 1, 515, 64, 64},
                         {3, 2, 1, 40, 17, 1, 1}};
  for (const Sizes& z : cases) {
    for (bool causal : {false, true}) {
      for (bool inside : {false, true}) {
        for (DType dtype : {DType::f32, DType::bf16}) {
          const AttentionAttrs attrs{.causal = causal, .heads_inside = inside};
          expect_attention(attention_trial(z, dtype, attrs), dtype);
        }
      }
    }
  }
}

TEST(CpuAttention, TakesMasksThatBroadcastAndLengths) {
  const Sizes z{2, 4, 2, 37, 290, 8, 8};
  for (bool causal : {false, true}) {
    for (const Shape& mask : {Shape{37, 290}, Shape{2, 1, 1, 290}, Shape{4, 37, 1}}) {
      Trial t = attention_trial(z, DType::f32, {.scale = 0.2, .causal = causal},
                                {{DType::boolean, mask}, {DType::i64, {2}}});
      t.inputs[5].as<int64_t>()[0] = 290;
      t.inputs[5].as<int64_t>()[1] = 11;
      expect_attention(t, DType::f32);
    }
    const Trial t = attention_trial(z, DType::f32, {.causal = causal}, {{DType::f32, {37, 290}}});
    expect_attention(t, DType::f32);
  }
}

// Exporters hide keys with the lowest number: a row that it hides whole is the mean of all values.
TEST(CpuAttention, TakesTheMeanWhereTheLowestNumberHidesAllKeys) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    for (const Shape& shape : {Shape{40, 24}, Shape{1, 24}, Shape{40, 1}}) {
      Trial t = attention_trial({1, 2, 2, 40, 24, 8, 8}, dtype, {}, {{DType::f32, shape}});
      Array& mask = t.inputs[4];
      for (int64_t i = 0; i < mask.numel(); ++i) {
        if (i < 24 || i % 3 == 0) mask.as<float>()[i] = std::numeric_limits<float>::lowest();
      }
      t.graph.outputs.resize(1);  // logsumexp and the gradients are of no use there
      const double tolerance = dtype == DType::f32 ? 2e-5 : 2e-2;
      expect_same(t.graph, t.inputs, tolerance);
    }
  }
}

TEST(CpuAttention, HandsNanOn) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    Trial t = attention_trial({1, 2, 2, 40, 24, 8, 8}, dtype, {});
    t.graph.outputs.resize(1);
    visit(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      t.inputs[1].as<T>()[5] = static_cast<T>(NAN);
    });
    expect_same(t.graph, t.inputs, dtype == DType::f32 ? 2e-5 : 2e-2);
  }
}

// What a cache holds beyond its length: keys and values of batch 1 from `length` on.
void fill_unused(Trial& t, int64_t length, float value) {
  for (Array& x : {std::ref(t.inputs[2]), std::ref(t.inputs[3])}) {
    const int64_t rows = x.shape[2], width = x.shape[3];
    visit(x.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      std::fill(x.as<T>() + (rows + length) * width, x.as<T>() + 2 * rows * width,
                static_cast<T>(value));
    });
  }
}

TEST(CpuAttention, DoesNotReadBeyondLengths) {
  for (const int64_t length : {3, 4}) {
    for (const DType dtype : {DType::f32, DType::bf16}) {
      Trial t = attention_trial({2, 1, 1, 5, 7, 8, 8}, dtype, {}, {{DType::i64, {2}}});
      t.inputs[4].as<int64_t>()[0] = 7;
      t.inputs[4].as<int64_t>()[1] = length;
      fill_unused(t, length, 0);
      const auto want = run_on(cpu_backend(), t.graph, t.inputs);
      fill_unused(t, length, NAN);
      const auto got = run_on(cpu_backend(), t.graph, t.inputs);
      for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(std::memcmp(got[i].buffer->data(), want[i].buffer->data(), got[i].bytes()), 0)
            << "result " << i << " of " << name(dtype) << ", length " << length;
      }
    }
  }
}

TEST(CpuAttention, ReportsALengthOutOfRange) {
  Trial t = attention_trial({2, 1, 1, 3, 5, 4, 4}, DType::f32, {}, {{DType::i64, {2}}});
  t.inputs[4].as<int64_t>()[0] = 5;
  t.inputs[4].as<int64_t>()[1] = 6;
  EXPECT_ERROR(run_on(cpu_backend(), t.graph, t.inputs), kOutOfRange,
               "attention: length 6 at position 1 is outside [0, 5]");
}

}  // namespace
}  // namespace suan
