// Header and sections: every byte of the file belongs to one of them or is padding of zeros.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/container.h"

#include <xxhash.h>

#include <algorithm>

namespace suan::engine {
namespace {

struct Place {
  uint64_t offset = 0, bytes = 0, hash = 0;
};
constexpr size_t kFixed = kMagic.size() + sizeof(uint32_t) * 2 + sizeof(uint64_t);
constexpr size_t kHead = kFixed + kNumSections * sizeof(Place) + sizeof(uint64_t);

void check_head(Bytes file, std::string_view where) {
  if (file.size() < kMagic.size() ||
      !std::equal(kMagic.begin(), kMagic.end(), file.begin(),
                  [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; })) {
    bad_file(where, "is no engine file");
  }
  ByteReader reader(file.subspan(kMagic.size()), where);
  const auto version = reader.little<uint32_t>("the version");
  if (version != kVersion) {
    bad_file(where, "is an engine file of version {}, expected {}: compile the model again",
             version, kVersion);
  }
  const auto sections = reader.little<uint32_t>("the number of sections");
  if (sections != kNumSections) {
    bad_file(where, "has {} sections, expected {}", sections, kNumSections);
  }
  const auto size = reader.little<uint64_t>("the size");
  if (size != file.size()) {
    bad_file(where, "has {} bytes, its header says {}", file.size(), size);
  }
  if (file.size() < kHead) bad_file(where, "ends within its header");
  const uint8_t* hash = file.data() + kHead - sizeof(uint64_t);
  if (from_little_endian<uint64_t>(hash) != checksum(file.data(), kHead - sizeof(uint64_t))) {
    bad_file(where, "is damaged: the checksum of its header does not hold");
  }
}

}  // namespace

bool are_zeros(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}
uint64_t checksum(const void* data, size_t bytes) { return XXH3_64bits(data, bytes); }

std::array<Bytes, kNumSections> open_container(Bytes file, std::string_view where) {
  check_head(file, where);
  ByteReader table(file.subspan(kFixed, kHead - kFixed), where);
  std::array<Bytes, kNumSections> sections;
  uint64_t end = kHead;
  for (size_t i = 0; i < kNumSections; ++i) {
    const Place place{table.little<uint64_t>("a section"), table.little<uint64_t>("a section"),
                      table.little<uint64_t>("a section")};
    const bool inside = place.offset == aligned(end) && place.offset <= file.size() &&
                        place.bytes <= file.size() - place.offset;
    if (!inside) bad_file(where, "section {} does not lie where the one before it ends", i);
    sections[i] = file.subspan(place.offset, place.bytes);
    const Bytes padding = file.subspan(end, place.offset - end);
    const bool data = i == static_cast<size_t>(Section::data);
    if ((!data && checksum(sections[i].data(), place.bytes) != place.hash) || !are_zeros(padding)) {
      bad_file(where, "is damaged: the checksum of section {} does not hold", i);
    }
    end = place.offset + place.bytes;
  }
  if (end != file.size()) bad_file(where, "has {} bytes after its last section", file.size() - end);
  return sections;
}

std::string container_head(const std::array<std::string, kNumSections - 1>& sections,
                           size_t data_bytes) {
  Writer head;
  size_t end = kHead;
  const auto add = [&](size_t bytes, uint64_t hash) {
    head.number(uint64_t{aligned(end)});
    head.number(uint64_t{bytes});
    head.number(hash);
    end = aligned(end) + bytes;
  };
  for (const std::string& section : sections) {
    add(section.size(), checksum(section.data(), section.size()));
  }
  add(data_bytes, 0);
  Writer fixed;
  for (char c : kMagic) fixed.number(c);
  fixed.number(kVersion);
  fixed.number(static_cast<uint32_t>(kNumSections));
  fixed.number(uint64_t{end});
  std::string file = fixed.take() + head.take();
  const uint64_t hash = checksum(file.data(), file.size());
  file.append(reinterpret_cast<const char*>(&hash), sizeof(hash));
  for (const std::string& section : sections) {
    file.resize(aligned(file.size()));
    file += section;
  }
  file.resize(aligned(file.size()));
  return file;
}

}  // namespace suan::engine
