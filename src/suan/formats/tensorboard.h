// TensorBoard event files: one record per scalar, histogram, image or text, appended as training
// goes. Written by hand, so neither TensorFlow nor protobuf is needed.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/array.h"

namespace suan::formats {

// CRC-32C (Castagnoli) and its masked form, as TFRecord files carry it.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

class EventWriter {
 public:
  // Starts a new file `events.out.tfevents.<time>.<process>.suan` in the folder, made if missing.
  // All methods throw Error(kSystem) when the disk is full.
  explicit EventWriter(const std::string& folder);

  void scalar(std::string_view tag, int64_t step, double value);
  // Buckets whose limits grow by 1.1, as TensorBoard's own; values that are not finite are left
  // out.
  void histogram(std::string_view tag, int64_t step, std::span<const float> values);
  void image(std::string_view tag, int64_t step, const Array& pixels);  // u8 [h, w, 1, 3 or 4]
  void text(std::string_view tag, int64_t step, std::string_view markdown);
  void flush();
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void record(const std::string& event);
  void write(std::string_view bytes);
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

// One value read back from an event file.
struct Event {
  double wall_time = 0;
  int64_t step = 0;
  std::string tag;
  enum class Kind { none, scalar, histogram, image, text } kind = Kind::none;
  double scalar = 0;
  std::string text;  // the markdown, or the encoded image
  double min = 0, max = 0, count = 0, sum = 0;
  std::vector<double> bucket_limits, buckets;
};

// The values in an event file. A record cut short at the end (the writer was killed) is left out;
// damage before it throws Error(kBadFile).
std::vector<Event> read_events(const std::string& path);

}  // namespace suan::formats
