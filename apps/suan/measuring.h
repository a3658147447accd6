// What the processor in use takes and can do at best: the CPU, or a GPU.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "suan/backend/cuda/gpu.h"
#include "suan/program/profile.h"
#include "suan/target/energy.h"
#include "suan/target/machine.h"

namespace suan::app {

cuda::Gpu* current_gpu();  // null: the CPU is in use

// Its measured peak rates: from the cache, or measured now; NaN, and a warning, where that fails.
Roofline current_roofline(Arithmetic precision);

// The energy that it has taken since this was made.
class CurrentEnergy {
 public:
  CurrentEnergy();
  std::optional<double> joules() const;
  std::string why_not() const;  // in one line; "" where there are joules

 private:
  EnergyMeter cpu_;
  std::optional<GpuEnergyMeter> gpu_;
};

// A line that says why the times of a device's steps are not those of its timeline, if so.
void say_how_timed(const Profile& profile);

}  // namespace suan::app
