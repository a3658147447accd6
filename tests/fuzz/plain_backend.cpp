// The fuzz build has the plain loops only: they take the place of the CPU's kernels.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/evaluate.h"
#include "suan/backend/kernel.h"

namespace suan {
namespace {

const char* why_not(const Node& node) {
  return takes(reference_backend(), node) ? nullptr : "no plain loop takes it";
}
BufferPtr value_of(const Tensor& tensor) { return evaluate(tensor, reference_backend()).buffer; }
constexpr Target kTarget{.name = "plain", .why_not = why_not, .evaluate = value_of};

}  // namespace

const Backend& cpu_backend() {
  static const Backend backend{"plain", reference_backend().kernels, nullptr, &kTarget};
  return backend;
}

}  // namespace suan
