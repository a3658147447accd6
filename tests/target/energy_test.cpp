// Counters of energy, as files.
// SPDX-License-Identifier: Apache-2.0
#include "suan/target/energy.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/temp_folder.h"

namespace suan {
namespace {

class Energy : public ::testing::Test {
 protected:
  void set(const std::string& zone, const std::string& file, int64_t number) {
    folder_.file(zone + "/" + file, std::to_string(number) + "\n");
  }
  TempFolder folder_;
};

TEST_F(Energy, IsTheSumOfThePackages) {
  for (const char* zone : {"intel-rapl:0", "intel-rapl:1", "intel-rapl:0:0"}) {
    set(zone, "energy_uj", 1'000'000);
    set(zone, "max_energy_range_uj", 10'000'000);
  }
  const EnergyMeter meter(folder_.path());
  set("intel-rapl:0", "energy_uj", 3'500'000);
  set("intel-rapl:1", "energy_uj", 500'000);  // it went round
  set("intel-rapl:0:0", "energy_uj", 2'000'000);
  EXPECT_DOUBLE_EQ(meter.joules().value(), 2.5 + 9.5);
}

TEST_F(Energy, IsUnknownWithoutCounters) {
  EXPECT_FALSE(EnergyMeter(folder_ / "none").joules().has_value());
  set("intel-rapl:0", "energy_uj", 1);
  EXPECT_FALSE(EnergyMeter(folder_.path()).joules().has_value());  // its range cannot be read
}

// Beside this program (cmake/suan_tests.cmake).
std::string fake_nvml() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "libfake_nvml.so";
}

TEST(GpuEnergy, IsThatOfOneGpu) {
  const GpuEnergyMeter meter("0000:1b:00.0", fake_nvml().c_str());
  EXPECT_EQ(meter.why_not(), "");
  EXPECT_DOUBLE_EQ(meter.joules().value(), 2.5);
  EXPECT_DOUBLE_EQ(meter.joules().value(), 5);
}

TEST(GpuEnergy, IsUnknownWithoutTheLibraryOrTheGpu) {
  const GpuEnergyMeter nowhere("0000:1b:00.0", "libno_such_nvml.so");
  EXPECT_FALSE(nowhere.joules().has_value());
  EXPECT_EQ(nowhere.why_not().find("libno_such_nvml.so: cannot open"), 0u) << nowhere.why_not();
  const GpuEnergyMeter other("0000:1c:00.0", fake_nvml().c_str());
  EXPECT_FALSE(other.joules().has_value());
  EXPECT_EQ(other.why_not(), "NVML knows no GPU at '0000:1c:00.0'");
}

}  // namespace
}  // namespace suan
