// The Trace Event Format.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/trace_events.h"

#include "suan/base/file.h"

namespace suan::formats {

void write_trace(const std::string& path, const std::vector<TraceEvent>& events) {
  constexpr double kMicroseconds = 1e6;
  std::string out = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
  for (const TraceEvent& event : events) {
    JsonFields details;
    for (const auto& [name, value] : event.details) details.emplace_back(name, value);
    std::string line = json_line({{"name", event.name},
                                  {"cat", event.category},
                                  {"ph", std::string("X")},
                                  {"ts", event.start * kMicroseconds},
                                  {"dur", event.duration * kMicroseconds},
                                  {"pid", int64_t{1}},
                                  {"tid", int64_t{event.track}}});
    line.back() = ',';
    out += line + "\"args\":" + (details.empty() ? "{}" : json_line(details)) + "}";
    out += &event == &events.back() ? "\n" : ",\n";
  }
  write_file_atomically(path, out + "]}\n");
}

}  // namespace suan::formats
