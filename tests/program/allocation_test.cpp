// A program allocates when it first runs and never again, and so does an engine that runs on memory
// of the caller. Allocations are counted by caller: those that oneDNN makes for itself are small,
// and bounded here.
// SPDX-License-Identifier: Apache-2.0
#ifndef SUAN_SANITIZED  // sanitizers have an operator new of their own
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "suan/base/random.h"
#include "suan/models/lenet.h"
#include "suan/ops/cross_entropy.h"
#include "suan/optim/adam.h"
#include "suan/program/program.h"
#include "suan/tensor/compile.h"
#include "tests/engine/models.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<int> own_allocations{0}, library_allocations{0};

// Whether an address lies in this binary (Suan is linked into it) or in a shared library.
bool is_own(void* address) {
  static const void* base = [] {
    Dl_info info{};
    dladdr(reinterpret_cast<void*>(&is_own), &info);
    return info.dli_fbase;
  }();
  Dl_info info{};
  return dladdr(address, &info) && info.dli_fbase == base;
}

void* allocate(size_t bytes, size_t align, void* caller) {
  if (counting) ++(is_own(caller) ? own_allocations : library_allocations);
  void* data = align ? std::aligned_alloc(align, (bytes + align - 1) / align * align)
                     : std::malloc(bytes ? bytes : 1);
  if (!data) throw std::bad_alloc();
  return data;
}

}  // namespace

void* operator new(size_t bytes) { return allocate(bytes, 0, __builtin_return_address(0)); }
void* operator new(size_t bytes, std::align_val_t align) {
  return allocate(bytes, static_cast<size_t>(align), __builtin_return_address(0));
}
void operator delete(void* data) noexcept { std::free(data); }
void operator delete(void* data, size_t) noexcept { std::free(data); }
void operator delete(void* data, std::align_val_t) noexcept { std::free(data); }
void operator delete(void* data, size_t, std::align_val_t) noexcept { std::free(data); }

namespace suan {
namespace {

TEST(Program, AllocatesNothingAfterItsFirstRun) {
  models::Lenet net;
  const auto parameters = net.parameters();
  optim::AdamW adamw(parameters, {});
  auto step = compile([&](const Tensor& x, const Tensor& y) {
    const Tensor loss = cross_entropy(net(x), y);
    adamw.step(grad(loss, parameters));
    return loss;
  });
  Array x(DType::f32, {8, 1, 28, 28}), y(DType::i64, {8});
  Random random(1);
  for (float& v : x.span<float>()) v = random.normal();
  for (int64_t& v : y.span<int64_t>()) v = random.randint(0, 10);
  RunContext& context = step.context(Tensor::from(x), Tensor::from(y));
  const std::vector<BufferPtr> inputs{x.buffer, y.buffer};
  context.run(inputs);
  context.run(inputs);
  counting = true;
  constexpr int kRuns = 5;
  for (int i = 0; i < kRuns; ++i) context.run(inputs);
  counting = false;
  EXPECT_EQ(own_allocations, 0);
  // oneDNN makes small objects for each execution: below 20 a primitive.
  const auto steps = static_cast<int>(context.program().plan().steps.size());
  EXPECT_LE(library_allocations, kRuns * steps * 20);
}

// Runs of an engine on bound memory; the caller's program must be there.
void expect_no_allocation(Engine& engine, const std::vector<onnx::Value>& arguments,
                          size_t result_bytes) {
  std::vector<Binding> in;
  for (const onnx::Value& value : arguments) {
    const Array array = value.tensor.array();
    in.push_back({{array.dtype, array.shape}, array.buffer->data(), array.bytes(), array.buffer});
  }
  std::vector<char> memory(result_bytes);
  Binding out{.data = memory.data(), .bytes = memory.size()};
  engine.run(in, {&out, 1});
  engine.run(in, {&out, 1});
  own_allocations = 0;
  counting = true;
  for (int i = 0; i < 5; ++i) engine.run(in, {&out, 1});
  counting = false;
  EXPECT_EQ(own_allocations, 0);
}

TEST(Engine, AllocatesNothingOnMemoryOfTheCaller) {
  Engine engine(attention().model(), {.pad = {parse_pad_rule("seq=mask:16")}, .background = false});
  expect_no_allocation(engine, sentence(2, 16, 1), size_t{2} * 16 * 8 * sizeof(float));
  expect_no_allocation(engine, sentence(2, 13, 1), size_t{2} * 13 * 8 * sizeof(float));  // padded
}

}  // namespace
}  // namespace suan
#endif
