// Asking the backend in use. SPDX-License-Identifier: Apache-2.0
#include "apps/suan/measuring.h"

#include <fmt/core.h>

#include <cmath>

#include "suan/backend/cuda/gpu_peak.h"
#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/tensor/compile.h"

namespace suan::app {

cuda::Gpu* current_gpu() { return dynamic_cast<cuda::Gpu*>(current_backend().device); }

Roofline current_roofline(Arithmetic precision) {
  cuda::Gpu* gpu = current_gpu();
  if (!gpu) return cpu_roofline(precision);
  try {
    return cuda::gpu_roofline(cuda::gpu_peak(*gpu), precision);
  } catch (const Error& error) {  // no cuBLASLt, or no memory
    log(LogLevel::kWarning, "the peak rates are not known: {}", error.what());
    return {NAN, NAN};
  }
}

CurrentEnergy::CurrentEnergy() {
  if (const cuda::Gpu* gpu = current_gpu()) gpu_.emplace(gpu->traits().bus);
}

std::optional<double> CurrentEnergy::joules() const {
  return gpu_ ? gpu_->joules() : cpu_.joules();
}

std::string CurrentEnergy::why_not() const {
  if (gpu_) return gpu_->why_not();
  return cpu_.joules() ? "" : "the processor has no counter that may be read";
}

void say_how_timed(const Profile& profile) {
  if (profile.why_no_timeline.empty()) return;
  fmt::print("timeline    none, so each step was timed alone, its start included: {}\n",
             profile.why_no_timeline);
}

}  // namespace suan::app
