// Writing event files: TFRecord framing around Event messages.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/tensorboard.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "suan/base/file.h"
#include "suan/formats/image.h"
#include "suan/formats/internal/proto_wire.h"

namespace suan::formats {
namespace {

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    table[i] = crc;
  }
  return table;
}();

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// An Event with one Summary.Value in it.
std::string event(std::string_view tag, int64_t step, const ProtoWriter& fields) {
  ProtoWriter value, summary, event;
  value.bytes(1, tag);
  summary.bytes(1, value.text() + fields.text());
  return event.real64(1, now()).integer(2, step).message(5, summary).text();
}

// TensorBoard's limits: 1e-12 * 1.1^i up to 1e20, the same below zero, and 0 between.
const std::vector<double>& all_limits() {
  static const std::vector<double> limits = [] {
    std::vector<double> up;
    for (double v = 1e-12; v < 1e20; v *= 1.1) up.push_back(v);
    std::vector<double> all;
    for (auto it = up.rbegin(); it != up.rend(); ++it) all.push_back(-*it);
    all.push_back(0);
    all.insert(all.end(), up.begin(), up.end());
    all.push_back(std::numeric_limits<double>::max());
    return all;
  }();
  return limits;
}

std::string little_endian(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (char c : bytes) crc = kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ crc >> 8;
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

EventWriter::EventWriter(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  static std::atomic<int> count{0};
  path_ = fmt::format("{}/events.out.tfevents.{:010}.{}.{}.suan", folder,
                      static_cast<int64_t>(now()), ::getpid(), count++);
  file_.reset(std::fopen(path_.c_str(), "wbxe"));
  if (!file_) {
    fail(ErrorCode::kSystem, path_, "could not create it: {}", std::strerror(errno));
  }
  record(ProtoWriter().real64(1, now()).bytes(3, "brain.Event:2").text());
  flush();
}

void EventWriter::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) {
    fail(ErrorCode::kSystem, path_, "could not write it: {}", std::strerror(errno));
  }
}

void EventWriter::record(const std::string& event) {
  const std::string length = little_endian(event.size(), 8);
  write(length + little_endian(masked_crc32c(length), 4));
  write(event);
  write(little_endian(masked_crc32c(event), 4));
}

void EventWriter::flush() {
  if (std::fflush(file_.get()) != 0) {
    fail(ErrorCode::kSystem, path_, "could not write it: {}", std::strerror(errno));
  }
}

void EventWriter::scalar(std::string_view tag, int64_t step, double value) {
  record(event(tag, step, ProtoWriter().real32(2, static_cast<float>(value))));
}

void EventWriter::histogram(std::string_view tag, int64_t step, std::span<const float> values) {
  const std::vector<double>& limits = all_limits();
  std::vector<double> counts(limits.size());
  double low = HUGE_VAL, high = -HUGE_VAL, count = 0, sum = 0, squares = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    ++counts[static_cast<size_t>(std::upper_bound(limits.begin(), limits.end() - 1, v) -
                                 limits.begin())];
    low = std::min(low, v);
    high = std::max(high, v);
    ++count;
    sum += v;
    squares += v * v;
  }
  if (count == 0) low = high = 0;
  // Only the span of buckets in use, with one empty bucket before it as the left edge.
  const auto used = [](double c) { return c > 0; };
  auto first =
      static_cast<size_t>(std::find_if(counts.begin(), counts.end(), used) - counts.begin());
  auto last = static_cast<size_t>(std::find_if(counts.rbegin(), counts.rend(), used).base() -
                                  counts.begin());
  if (count == 0) first = 0, last = 1;
  if (first > 0) --first;
  ProtoWriter histogram;
  histogram.real64(1, low).real64(2, high).real64(3, count).real64(4, sum).real64(5, squares);
  histogram.packed(6, std::span(limits).subspan(first, last - first));
  histogram.packed(7, std::span<const double>(counts).subspan(first, last - first));
  record(event(tag, step, ProtoWriter().message(5, histogram)));
}

void EventWriter::image(std::string_view tag, int64_t step, const Array& pixels) {
  const std::string png = encode_png(pixels);
  ProtoWriter image;
  image.integer(1, pixels.shape[0]).integer(2, pixels.shape[1]);
  image.integer(3, pixels.shape.rank() == 2 ? 1 : pixels.shape[2]).bytes(4, png);
  record(event(tag, step, ProtoWriter().message(4, image)));
}

void EventWriter::text(std::string_view tag, int64_t step, std::string_view markdown) {
  constexpr int kString = 7;  // DT_STRING
  ProtoWriter plugin, metadata, dimension, shape, tensor;
  metadata.message(1, plugin.bytes(1, "text"));
  shape.message(2, dimension.integer(1, 1));
  tensor.integer(1, kString).message(2, shape).bytes(8, markdown);
  record(event(tag, step, ProtoWriter().message(8, tensor).message(9, metadata)));
}

}  // namespace suan::formats
