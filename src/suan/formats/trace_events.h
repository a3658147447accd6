// Trace files for chrome://tracing and https://ui.perfetto.dev: what ran when.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/formats/json_line.h"

namespace suan::formats {

struct TraceEvent {
  std::string name, category;
  double start = 0, duration = 0;  // seconds
  int track = 0;                   // events of one track do not overlap, or nest
  std::vector<std::pair<std::string, std::string>> details;
};

// Writes them as complete events in the Trace Event Format, whole or not at all.
void write_trace(const std::string& path, const std::vector<TraceEvent>& events);

}  // namespace suan::formats
