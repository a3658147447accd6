// Energy: what the processors have taken, where the system tells it (Linux's powercap counters).
// https://docs.kernel.org/power/powercap/powercap.html
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

}  // namespace suan
