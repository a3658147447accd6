// Reading event files back.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/file.h"
#include "suan/formats/internal/proto_wire.h"
#include "suan/formats/tensorboard.h"

namespace suan::formats {
namespace {

std::vector<double> packed_doubles(std::string_view bytes) {
  std::vector<double> values;
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    values.push_back(
        from_little_endian<double>(reinterpret_cast<const uint8_t*>(bytes.data()) + i));
  }
  return values;
}

void read_histogram(std::string_view message, std::string_view where, Event& event) {
  event.kind = Event::Kind::histogram;
  ProtoReader reader(message, where);
  for (ProtoField f; reader.next(f);) {
    if (f.field == 1) event.min = f.real64();
    if (f.field == 2) event.max = f.real64();
    if (f.field == 3) event.count = f.real64();
    if (f.field == 4) event.sum = f.real64();
    if (f.field == 6) event.bucket_limits = packed_doubles(f.bytes);
    if (f.field == 7) event.buckets = packed_doubles(f.bytes);
  }
}

// The bytes of one field of a message, empty when it is absent.
std::string bytes_field(std::string_view message, uint32_t field, std::string_view where) {
  ProtoReader reader(message, where);
  for (ProtoField f; reader.next(f);) {
    if (f.field == field && f.wire == Wire::bytes) return std::string(f.bytes);
  }
  return {};
}

void read_value(std::string_view message, std::string_view where, Event& event) {
  ProtoReader reader(message, where);
  for (ProtoField f; reader.next(f);) {
    if (f.field == 1) event.tag = f.bytes;
    if (f.field == 2) {
      event.kind = Event::Kind::scalar;
      event.scalar = static_cast<double>(f.real32());
    }
    if (f.field == 4) {
      event.kind = Event::Kind::image;
      event.text = bytes_field(f.bytes, 4, where);
    }
    if (f.field == 5) read_histogram(f.bytes, where, event);
    if (f.field == 8) {
      event.kind = Event::Kind::text;
      event.text = bytes_field(f.bytes, 8, where);
    }
  }
}

void read_event(std::string_view message, std::string_view where, std::vector<Event>& out) {
  Event common;
  std::string_view summary;
  ProtoReader reader(message, where);
  for (ProtoField f; reader.next(f);) {
    if (f.field == 1) common.wall_time = f.real64();
    if (f.field == 2) common.step = static_cast<int64_t>(f.number);
    if (f.field == 5) summary = f.bytes;
  }
  ProtoReader values(summary, where);
  for (ProtoField f; values.next(f);) {
    if (f.field != 1) continue;
    Event event = common;
    read_value(f.bytes, where, event);
    out.push_back(std::move(event));
  }
}

}  // namespace

std::vector<Event> read_events(const std::string& path) {
  const std::string bytes = read_file(path);
  ByteReader reader(bytes_of(bytes), path);
  std::vector<Event> events;
  constexpr size_t kFrame = 8 + 4 + 4;
  while (reader.remaining() >= kFrame) {
    const size_t start = reader.position();
    const auto length = reader.little<uint64_t>("a record");
    if (reader.little<uint32_t>("a record") !=
        masked_crc32c(std::string_view(bytes).substr(start, 8))) {
      bad_file(path, "has a wrong checksum in the record at byte {}", start);
    }
    if (length > reader.remaining() - 4) break;  // cut short
    const std::string_view message = reader.text(length, "a record");
    if (reader.little<uint32_t>("a record") != masked_crc32c(message)) {
      bad_file(path, "has a wrong checksum in the record at byte {}", start);
    }
    read_event(message, path, events);
  }
  return events;
}

}  // namespace suan::formats
