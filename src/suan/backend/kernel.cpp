// Kernel lookup and the run's error slot.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/kernel.h"

#include <algorithm>
#include <functional>

#include "suan/base/error.h"

namespace suan {
namespace {
std::atomic<bool> exact_setting{false};
std::atomic<bool> reproducible_setting{false};
}  // namespace

bool exact_mode() { return exact_setting; }
void set_exact_mode(bool exact) { exact_setting = exact; }
bool reproducible_mode() { return reproducible_setting; }
void set_reproducible_mode(bool reproducible) { reproducible_setting = reproducible; }

void RunErrors::report(std::string_view op, std::string message) {
  if (taken_.test_and_set()) return;
  op_ = op;
  message_ = std::move(message);
  ready_.store(true, std::memory_order_release);
}

void RunErrors::throw_if_any() {
  if (!ready_.load(std::memory_order_acquire)) return;
  const Error error(ErrorCode::kOutOfRange, op_, message_);
  ready_ = false;
  taken_.clear();
  throw error;
}

const char* plain_why_not(const Node& node) {
  for (const Tensor& t : node.inputs) {
    if (t && layout_of(t) != Layout::plain) return "an input is not in plain layout";
  }
  for (Layout layout : node.layouts) {
    if (layout != Layout::plain) return "an output is not in plain layout";
  }
  return nullptr;
}

std::unique_ptr<Call> make_call(const Kernel& kernel, const Node& node) {
  struct Nothing final : Call {
    void run(const KernelArgs& /*args*/) const override {}
  };
  const bool empty = std::all_of(node.types.begin(), node.types.end(),
                                 [](const Type& type) { return type.shape.numel() == 0; });
  return empty ? std::make_unique<Nothing>() : kernel.make(node);
}

void pack_inputs(const Call& call, std::span<Operand> in, std::vector<BufferPtr>& packs) {
  for (size_t i = 0; i < in.size(); ++i) {
    const size_t bytes = call.packed_bytes(static_cast<int>(i));
    if (bytes == 0) continue;
    packs.push_back(Buffer::allocate(bytes));
    call.pack(static_cast<int>(i), in[i].data, packs.back()->data());
    in[i].data = packs.back()->data();
  }
}

std::vector<const Kernel*> own_kernels(const Backend& backend, const Node& node) {
  std::vector<const Kernel*> out;
  for (const Kernel& kernel : backend.kernels) {
    if (kernel.op != node.op->code || (exact_mode() && !kernel.exact)) continue;
    if (!kernel.why_not(node)) out.push_back(&kernel);
  }
  std::stable_partition(out.begin(), out.end(), [&](const Kernel* kernel) {
    return !kernel->likely_slower || !kernel->likely_slower(node);
  });
  return out;
}

bool owns(const Backend& backend, const Kernel& kernel) {
  const auto kernels = backend.kernels;
  return std::greater_equal<>()(&kernel, kernels.data()) &&
         std::less<>()(&kernel, kernels.data() + kernels.size());
}

bool takes(const Backend& backend, const Node& node) { return !own_kernels(backend, node).empty(); }

}  // namespace suan
