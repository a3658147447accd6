// The Trace Event Format.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/trace_events.h"

#include "suan/base/file.h"

namespace suan::formats {
namespace {

constexpr double kMicroseconds = 1e6;

// An object within which "args" is another.
std::string event_line(const JsonFields& fields, const JsonFields& args) {
  std::string line = json_line(fields);
  line.back() = ',';
  return line + "\"args\":" + (args.empty() ? "{}" : json_line(args)) + "}";
}

template <class Values>
JsonFields fields_of(const Values& values) {
  JsonFields fields;
  for (const auto& [name, value] : values) fields.emplace_back(name, value);
  return fields;
}

}  // namespace

void write_trace(const std::string& path, const std::vector<TraceEvent>& events,
                 const std::vector<TraceCounter>& counters,
                 const std::map<int, std::string>& tracks) {
  std::vector<std::string> lines;
  for (const auto& [track, name] : tracks) {
    lines.push_back(event_line({{"name", std::string("thread_name")},
                                {"ph", std::string("M")},
                                {"pid", int64_t{1}},
                                {"tid", int64_t{track}}},
                               {{"name", name}}));
  }
  for (const TraceEvent& event : events) {
    lines.push_back(event_line({{"name", event.name},
                                {"cat", event.category},
                                {"ph", std::string("X")},
                                {"ts", event.start * kMicroseconds},
                                {"dur", event.duration * kMicroseconds},
                                {"pid", int64_t{1}},
                                {"tid", int64_t{event.track}}},
                               fields_of(event.details)));
  }
  for (const TraceCounter& counter : counters) {
    lines.push_back(event_line({{"name", counter.name},
                                {"ph", std::string("C")},
                                {"ts", counter.time * kMicroseconds},
                                {"pid", int64_t{1}}},
                               fields_of(counter.values)));
  }
  std::string out = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
  for (const std::string& line : lines) out += line + (&line == &lines.back() ? "\n" : ",\n");
  write_file_atomically(path, out + "]}\n");
}

}  // namespace suan::formats
