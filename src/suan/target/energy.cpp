// Reading the counters of RAPL zones and of GPUs.
// SPDX-License-Identifier: Apache-2.0
#include "suan/target/energy.h"

#include <dlfcn.h>

#include <filesystem>
#include <fstream>
#include <system_error>

namespace suan {
namespace {

std::optional<double> read_number(const std::string& path) {
  std::ifstream in(path);
  double number = 0;
  if (in >> number) return number;
  return std::nullopt;
}

}  // namespace

EnergyMeter::EnergyMeter(const std::string& folder) {
  std::error_code none;  // there may be no such folder
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    // "intel-rapl:0" is a package (AMD's too); "intel-rapl:0:1" is a part of one.
    const std::string name = entry.path().filename();
    if (!name.starts_with("intel-rapl:") || name.find(':') != name.rfind(':')) continue;
    const std::string path = entry.path() / "energy_uj";
    const auto start = read_number(path);
    const auto range = read_number(entry.path() / "max_energy_range_uj");
    if (start && range) counters_.push_back({path, *start, *range});
  }
}

std::optional<double> EnergyMeter::joules() const {
  double total = 0;
  for (const Counter& counter : counters_) {
    const auto now = read_number(counter.path);
    if (!now) return std::nullopt;
    total += *now - counter.start + (*now < counter.start ? counter.range : 0);
  }
  return counters_.empty() ? std::nullopt : std::optional(total / 1e6);
}

GpuEnergyMeter::GpuEnergyMeter(const std::string& bus, const char* library) {
  why_not_ = open(bus, library);
}

std::string GpuEnergyMeter::open(const std::string& bus, const char* library) {
  void* nvml = dlopen(library, RTLD_NOW | RTLD_LOCAL);  // stays open: it keeps threads
  if (!nvml) return dlerror();
  const auto init = reinterpret_cast<int (*)()>(dlsym(nvml, "nvmlInit_v2"));
  const auto find = reinterpret_cast<int (*)(const char*, void**)>(
      dlsym(nvml, "nvmlDeviceGetHandleByPciBusId_v2"));
  energy_ = reinterpret_cast<int (*)(void*, unsigned long long*)>(
      dlsym(nvml, "nvmlDeviceGetTotalEnergyConsumption"));
  if (!init || !find || !energy_) return std::string(library) + " lacks functions of NVML";
  if (init() != 0) return "NVML does not start";
  if (find(bus.c_str(), &device_) != 0) return "NVML knows no GPU at '" + bus + "'";
  start_ = read();
  return start_ ? "" : "the GPU has no counter of energy";
}

std::optional<double> GpuEnergyMeter::read() const {
  unsigned long long millijoules = 0;
  if (energy_(device_, &millijoules) != 0) return std::nullopt;
  return static_cast<double>(millijoules) / 1e3;
}

std::optional<double> GpuEnergyMeter::joules() const {
  const std::optional<double> now = start_ ? read() : std::nullopt;
  return now ? std::optional(*now - *start_) : std::nullopt;
}

}  // namespace suan
