// Trace files for chrome://tracing and https://ui.perfetto.dev: what ran when.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "suan/formats/json_line.h"

namespace suan::formats {

struct TraceEvent {
  std::string name, category;
  double start = 0, duration = 0;  // seconds
  int track = 0;                   // events of one track do not overlap, or nest
  std::vector<std::pair<std::string, std::string>> details;
};

// Numbers that hold from a moment on, drawn on top of each other.
struct TraceCounter {
  std::string name;
  double time = 0;  // seconds
  std::vector<std::pair<std::string, double>> values;
};

// Writes them in the Trace Event Format, whole or not at all; tracks may have names.
void write_trace(const std::string& path, const std::vector<TraceEvent>& events,
                 const std::vector<TraceCounter>& counters = {},
                 const std::map<int, std::string>& tracks = {});

}  // namespace suan::formats
