// Which attention cuDNN is given. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/cudnn_attention.h"

#include <gtest/gtest.h>

#include "suan/backend/cuda/source.h"
#include "suan/ops/attention.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan {
extern const OpDef attention_gradient_op;
namespace cuda {
namespace {

struct Sizes {
  int64_t b = 2, h = 4, t = 64, s = 64, d = 64;
};

Tensor input(DType dtype, const Shape& shape) { return make_input(Type(dtype, shape), ""); }

std::string reason(const NodePtr& node) {
  const char* reason = cudnn_attention_why_not(*node);
  return reason ? reason : "";
}
std::string forward(const Sizes& z, AttentionAttrs attrs = {}, DType dtype = DType::bf16,
                    const AttentionOperands& operands = {}) {
  const Tensor q = input(dtype, {z.b, z.h, z.t, z.d}), k = input(dtype, {z.b, z.h, z.s, z.d});
  return reason(attention(q, k, k, attrs, operands).node_ptr());
}
std::string gradient(const Sizes& z, AttentionAttrs attrs = {}, bool of_logsumexp = false) {
  const Tensor q = input(DType::bf16, {z.b, z.h, z.t, z.d});
  const Tensor k = input(DType::bf16, {z.b, z.h, z.s, z.d});
  const Tensor rows = input(DType::f32, {z.b, z.h, z.t});
  return reason(make_node(attention_gradient_op,
                          {q, k, k, q, rows, q, of_logsumexp ? rows : Tensor(), {}, {}}, attrs));
}

class CudnnAttention : public testing::Test {
 protected:
  void SetUp() override { set_libraries({}); }
  void TearDown() override { set_libraries({}); }
};

TEST_F(CudnnAttention, takes_what_its_engines_know) {
  EXPECT_EQ(forward({}), "");
  EXPECT_EQ(forward({.d = 80}, {.causal = true, .heads_inside = true}, DType::f16), "");
  EXPECT_EQ(forward({.t = 1}, {.causal = true}), "");
  EXPECT_EQ(gradient({.t = 30, .s = 100, .d = 128}, {.causal = true}), "");
}

TEST_F(CudnnAttention, refuses_what_they_do_not) {
  EXPECT_EQ(forward({}, {}, DType::f32), "the dtype is not bf16 or f16");
  EXPECT_EQ(forward({.d = 36}), "the numbers of a head are no multiple of 8 up to 128");
  EXPECT_EQ(forward({.d = 136}), "the numbers of a head are no multiple of 8 up to 128");
  EXPECT_EQ(forward({.t = 65}, {.causal = true}), "some queries see no key");
  EXPECT_EQ(forward({.b = 256, .h = 256}), "there are too many heads");
  const Tensor mask = input(DType::boolean, {64, 64}), lengths = input(DType::i64, {2});
  EXPECT_EQ(forward({}, {}, DType::bf16, {.mask = mask}), "there is a mask");
  EXPECT_EQ(forward({}, {}, DType::bf16, {.lengths = lengths}), "there are lengths");
  EXPECT_EQ(gradient({}, {}, true), "logsumexp has a gradient");
  EXPECT_EQ(gradient({.t = 1, .s = 1}), "there is one query and one key");
}

TEST_F(CudnnAttention, takes_no_more_memory_than_others_are_worth) {
  EXPECT_EQ(gradient({.b = 4, .h = 8, .t = 4096, .s = 4096}),
            "it would take more than 1 GiB beside its operands");
  EXPECT_EQ(gradient({.b = 4, .h = 8, .t = 4096, .s = 4096, .d = 80}), "");
}

TEST_F(CudnnAttention, is_left_to_others_on_libraries_and_gpus_that_are_not_known_to_fit) {
  GpuTraits traits;
  traits.architecture = 100;
  set_libraries(traits);
  EXPECT_EQ(forward({}), "");
  EXPECT_EQ(gradient({}), "cuDNN may give other bits in every run on this GPU");
  traits.cudnn_version = 91002;
  set_libraries(traits);
  EXPECT_EQ(forward({}), "cuDNN is 9.10, and 9.16 is needed");
  EXPECT_EQ(gradient({}), "cuDNN is 9.10, and 9.16 is needed");
  traits.why_no_cudnn = "libcudnn.so.9 was not found";
  set_libraries(traits);
  EXPECT_EQ(forward({}), "libcudnn.so.9 was not found");
}

}  // namespace
}  // namespace cuda
}  // namespace suan
