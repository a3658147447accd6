// Energy: what processors have taken, where the system tells it: Linux's powercap counters, and
// NVML for GPUs. https://docs.kernel.org/power/powercap/powercap.html,
// https://docs.nvidia.com/deploy/nvml-api/
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace suan {

// Counts from its construction on.
class EnergyMeter {
 public:
  explicit EnergyMeter(const std::string& folder = "/sys/class/powercap");
  // Of all processor packages, in joules; nothing where no counter can be read.
  std::optional<double> joules() const;

 private:
  struct Counter {  // in microjoules; it starts anew after `range`
    std::string path;
    double start, range;
  };
  std::vector<Counter> counters_;
};

// The same for the GPU at an address of the PCI bus ("0000:1b:00.0"), by NVML, whose library (the
// driver brings it) is opened here.
class GpuEnergyMeter {
 public:
  explicit GpuEnergyMeter(const std::string& bus, const char* library = "libnvidia-ml.so.1");
  // Of the board since the construction, in joules; nothing where NVML or its counter is not there.
  std::optional<double> joules() const;
  const std::string& why_not() const { return why_not_; }  // in one line; "" where there are joules

 private:
  std::string open(const std::string& bus, const char* library);  // gives why_not_
  std::optional<double> read() const;  // in joules, since the driver was loaded
  std::string why_not_;
  int (*energy_)(void* device, unsigned long long* millijoules) = nullptr;
  void* device_ = nullptr;
  std::optional<double> start_;
};

}  // namespace suan
