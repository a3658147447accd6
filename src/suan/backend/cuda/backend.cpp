// What passes may know of a GPU, and the backends of those that have been opened.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/backend.h"

#include <charconv>
#include <map>
#include <mutex>

#include "suan/backend/cuda/batch_norm.h"
#include "suan/backend/cuda/convolution.h"
#include "suan/backend/cuda/null_gpu.h"
#include "suan/backend/cuda/pool.h"
#include "suan/backend/cuda/product.h"
#include "suan/backend/cuda/reduce.h"
#include "suan/backend/cuda/region.h"
#include "suan/backend/cuda/source.h"
#include "suan/backend/evaluate.h"
#include "suan/backend/follow_data.h"
#include "suan/base/error.h"
#include "suan/ops/batch_norm.h"
#include "suan/ops/op.h"
#include "suan/target/target.h"

namespace suan {
namespace cuda {
namespace {

// Any GPU: the table is one for all.
const Backend& table_alone() {
  static const Backend backend{"cuda", kernels(), nullptr, nullptr};
  return backend;
}

// What the best kernel of the op says, if there is one.
const char* refusal(const Node& node) {
  for (const Kernel& kernel : kernels()) {
    if (kernel.op == node.op->code) return kernel.why_not(node);
  }
  return "no cuda kernel takes it";
}

// What no kernel here takes is decomposed, or runs on the CPU.
const char* target_why_not(const Node& node) {
  if (takes(table_alone(), node)) return nullptr;
  const bool on_cpu = takes(cpu_backend(), node) || takes(reference_backend(), node);
  return !node.op->decompose && on_cpu ? nullptr : refusal(node);
}

void choose_layouts(const Node& node, NodeLayouts& layouts) {
  if (choose_convolution_layouts(node, layouts) || choose_pool_layouts(node, layouts)) return;
  if (choose_batch_norm_layouts(node, layouts) || choose_reduce_layouts(node, layouts)) return;
  if (!joins_regions(node) && !(is(node, Op::fused) && !region_why_not(node))) return;
  layouts.inputs = layouts.current;
  follow_data(node, layouts);
}

constexpr Target kTarget{
    .name = "cuda",
    .why_not = target_why_not,
    .split = [](const Node& n, const std::vector<Tensor>& inputs) -> std::vector<Tensor> {
      if (!is(n, Op::batch_norm)) return {};
      return split_batch_norm(with_inputs(n, inputs));
    },
    .fuses = joins_regions,
    .fuses_tail = [](const Node& n,
                     const Graph& r) { return is_product(n, r) || is_convolution(r); },
    .begins_tail = [](const Node& n) { return begins_product(n) || begins_convolution(n); },
    .evaluate = [](const Tensor& t) { return suan::evaluate(t, cpu_backend()).buffer; },
    .tf32 = true,
    .choose_layouts = choose_layouts};

}  // namespace

namespace {

struct DeviceName {
  int index = 0;
  Memory memory = Memory::plain;
};

DeviceName parse_device(std::string_view name) {
  const auto refuse = [&] {
    fail("backend",
         "there is no device '{}', expected cuda or cuda:1, then nothing, +managed or +peer", name);
  };
  DeviceName parsed;
  std::string_view rest = name;
  const auto take = [&](std::string_view text) {
    const bool there = rest.starts_with(text);
    if (there) rest.remove_prefix(text.size());
    return there;
  };
  if (!take("cuda")) refuse();
  if (take(":")) {
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), parsed.index);
    if (error != std::errc() || parsed.index < 0) refuse();
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  }
  if (take("+managed")) {
    parsed.memory = Memory::managed;
  } else if (take("+peer")) {
    parsed.memory = Memory::peer;
  }
  if (!rest.empty()) refuse();
  return parsed;
}

}  // namespace

std::unique_ptr<Backend> make_backend(Gpu& gpu) {
  set_libraries(gpu.traits());
  return std::make_unique<Backend>(Backend{"cuda", kernels(), &cpu_backend(), &kTarget, &gpu});
}

}  // namespace cuda

const Backend& cuda_null_backend() {
  static auto* gpu = new cuda::NullGpu;
  static const auto* backend = cuda::make_backend(*gpu).release();
  return *backend;
}

const Backend& cuda_backend(std::string_view name) {
  const auto [index, memory] = cuda::parse_device(name);
  struct Opened {
    std::shared_ptr<cuda::Gpu> gpu;
    std::unique_ptr<Backend> backend;
  };
  static std::mutex mutex;
  static auto* opened =
      new std::map<std::pair<int, cuda::Memory>, Opened>;  // outlives every tensor
  const std::lock_guard lock(mutex);
  Opened& entry = (*opened)[{index, memory}];
  if (entry.backend) return *entry.backend;
  std::string why_not;
  entry.gpu = cuda::open_gpu(index, memory, why_not);
  if (!entry.gpu) fail(ErrorCode::kUnsupported, "cuda", "{}", why_not);
  entry.backend = cuda::make_backend(*entry.gpu);
  return *entry.backend;
}

}  // namespace suan
