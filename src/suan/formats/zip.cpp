// The zip central directory and local headers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/zip.h"

#include <zlib.h>

#include <limits>
#include <set>

#include "suan/formats/compression.h"
#include "suan/formats/internal/bytes.h"

namespace suan::formats {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr uint32_t kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr size_t kEndSize = 22, kEnd64LocatorSize = 20;
constexpr uint32_t kIn64 = 0xffffffff;  // "see the Zip64 field"

struct Directory {
  uint64_t count = 0, offset = 0;
};

Directory find_directory(Bytes bytes, std::string_view where) {
  const size_t comment = std::min<size_t>(bytes.size(), kEndSize + 0xffff);
  for (size_t back = kEndSize; back <= comment; ++back) {
    const uint8_t* at = bytes.data() + bytes.size() - back;
    if (from_little_endian<uint32_t>(at) != kEnd) continue;
    Directory found{from_little_endian<uint16_t>(at + 10), from_little_endian<uint32_t>(at + 16)};
    if (found.offset != kIn64 && found.count != 0xffff) return found;
    const size_t end = bytes.size() - back;
    if (end < kEnd64LocatorSize) break;
    ByteReader locator(bytes.subspan(end - kEnd64LocatorSize), where);
    if (locator.little<uint32_t>("the Zip64 locator") != kEnd64Locator) break;
    locator.take(4, "the Zip64 locator");
    const auto offset = locator.little<uint64_t>("the Zip64 locator");
    if (offset > bytes.size()) break;
    ByteReader record(bytes.subspan(offset), where);
    if (record.little<uint32_t>("the Zip64 end record") != kEnd64) break;
    record.take(28, "the Zip64 end record");
    found.count = record.little<uint64_t>("the Zip64 end record");
    record.take(8, "the Zip64 end record");
    found.offset = record.little<uint64_t>("the Zip64 end record");
    return found;
  }
  bad_file(where, "is no zip file, or its end is missing");
}

// The 64-bit values of the Zip64 extra field (id 1) replace those that are 0xffffffff, in order.
void read_zip64(Bytes extra, std::string_view where, std::initializer_list<uint64_t*> values) {
  ByteReader reader(extra, where);
  while (reader.remaining() >= 4) {
    const auto id = reader.little<uint16_t>("an extra field");
    const auto size = reader.little<uint16_t>("an extra field");
    ByteReader field(reader.take(size, "an extra field"), where);
    if (id != 1) continue;
    for (uint64_t* value : values) {
      if (*value == kIn64) *value = field.little<uint64_t>("the Zip64 sizes");
    }
  }
}

struct Range {
  uint64_t begin = 0, end = 0;
};

// One record of the central directory; `range` becomes what the entry occupies in the file.
ZipEntry read_entry(ByteReader& directory, Bytes bytes, std::string_view where, Range& range) {
  constexpr const char* kWhat = "the zip directory";
  if (directory.little<uint32_t>(kWhat) != kCentral) bad_file(where, "has a damaged zip directory");
  directory.take(4, kWhat);
  const auto flags = directory.little<uint16_t>(kWhat);
  const auto method = directory.little<uint16_t>(kWhat);
  directory.take(4, kWhat);
  ZipEntry entry;
  entry.crc = directory.little<uint32_t>(kWhat);
  uint64_t packed = directory.little<uint32_t>(kWhat);
  entry.size = directory.little<uint32_t>(kWhat);
  const auto name = directory.little<uint16_t>(kWhat);
  const auto extra = directory.little<uint16_t>(kWhat);
  const auto comment = directory.little<uint16_t>(kWhat);
  directory.take(8, kWhat);
  uint64_t offset = directory.little<uint32_t>(kWhat);
  entry.name = directory.text(name, kWhat);
  read_zip64(directory.take(extra, kWhat), where, {&entry.size, &packed, &offset});
  directory.take(comment, kWhat);
  if (flags & 1) fail(ErrorCode::kUnsupported, where, "entry '{}' is encrypted", entry.name);
  if (method != 0 && method != 8) {
    fail(ErrorCode::kUnsupported, where, "entry '{}' has compression {}, expected 0 or 8",
         entry.name, method);
  }
  entry.deflated = method == 8;
  if (offset > bytes.size()) bad_file(where, "entry '{}' lies outside the file", entry.name);
  ByteReader local(bytes.subspan(offset), where);
  if (local.little<uint32_t>("a local header") != kLocal) {
    bad_file(where, "entry '{}' has no local header", entry.name);
  }
  local.take(22, "a local header");
  const auto local_name = local.little<uint16_t>("a local header");
  const auto local_extra = local.little<uint16_t>("a local header");
  local.take(size_t{local_name} + local_extra, "a local header");
  entry.data = local.take(packed, "entry '" + entry.name + "'");
  range = {offset, offset + local.position()};
  if (entry.deflated ? entry.size / kMaxDeflateRatio > packed : entry.size != packed) {
    bad_file(where, "entry '{}' claims {} bytes, which its {} packed bytes cannot hold", entry.name,
             entry.size, packed);
  }
  return entry;
}

template <class T>
void append(std::string& out, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i));
}

}  // namespace

std::vector<ZipEntry> zip_entries(Bytes bytes, std::string_view where) {
  const Directory found = find_directory(bytes, where);
  if (found.offset > bytes.size()) bad_file(where, "has its zip directory outside the file");
  ByteReader directory(bytes.subspan(found.offset), where);
  std::vector<ZipEntry> entries;
  std::vector<Range> ranges;
  std::set<std::string_view> names;
  for (uint64_t i = 0; i < found.count; ++i) {
    ranges.emplace_back();
    entries.push_back(read_entry(directory, bytes, where, ranges.back()));
  }
  for (const ZipEntry& entry : entries) {
    if (!names.insert(entry.name).second) bad_file(where, "holds '{}' twice", entry.name);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].begin < ranges[i - 1].end) bad_file(where, "has entries that overlap");
  }
  return entries;
}

std::string unzip(const ZipEntry& entry, std::string_view where) {
  std::string out;
  if (entry.deflated) {
    out.resize(entry.size + 1);  // one more, to see that the stream ends where it should
    Inflater inflater(entry.data, Deflate::raw, where);
    const size_t got = inflater.read(reinterpret_cast<uint8_t*>(out.data()), out.size());
    if (got != entry.size) {
      bad_file(where, "entry '{}' does not unpack to the {} bytes it claims", entry.name,
               entry.size);
    }
    out.resize(got);
  } else {
    out.assign(reinterpret_cast<const char*>(entry.data.data()), entry.data.size());
  }
  const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(out.data()), out.size());
  if (crc != entry.crc) bad_file(where, "entry '{}' has a wrong checksum", entry.name);
  return out;
}

void ZipWriter::write(std::string_view text) {
  file_.write(text);
  position_ += text.size();
  if (position_ >= kIn64) fail(path_, "a zip file over 4 GiB is not supported");
}

void ZipWriter::add(std::string_view name, std::string_view contents, bool deflate) {
  const std::string packed = deflate ? deflate_all(bytes_of(contents), Deflate::raw) : "";
  const std::string_view data = deflate ? std::string_view(packed) : contents;
  if (data.size() >= kIn64 || contents.size() >= kIn64) {
    fail(path_, "a zip file over 4 GiB is not supported");
  }
  if (name.size() > 0xffff || count_ == 0xfffe) fail(path_, "too many or too long zip names");
  std::string common;  // what the local header and the directory share
  append<uint16_t>(common, 20);
  append<uint16_t>(common, 0x0800);  // UTF-8 names
  append<uint16_t>(common, deflate ? 8 : 0);
  append<uint32_t>(common, 0x00210000);  // 1 January 1980: same data, same file
  append<uint32_t>(
      common, static_cast<uint32_t>(
                  crc32_z(0, reinterpret_cast<const Bytef*>(contents.data()), contents.size())));
  append<uint32_t>(common, static_cast<uint32_t>(data.size()));
  append<uint32_t>(common, static_cast<uint32_t>(contents.size()));
  append<uint16_t>(common, static_cast<uint16_t>(name.size()));
  append<uint16_t>(common, 0);
  append(directory_, kCentral);
  append<uint16_t>(directory_, 20);
  directory_ += common;
  directory_.append(10, '\0');
  append<uint32_t>(directory_, static_cast<uint32_t>(position_));
  directory_ += name;
  ++count_;
  std::string local;
  append(local, kLocal);
  local += common;
  local += name;
  write(local);
  write(data);
}

void ZipWriter::finish() {
  const auto offset = static_cast<uint32_t>(position_);
  std::string end;
  append(end, kEnd);
  append<uint32_t>(end, 0);
  append<uint16_t>(end, static_cast<uint16_t>(count_));
  append<uint16_t>(end, static_cast<uint16_t>(count_));
  append<uint32_t>(end, static_cast<uint32_t>(directory_.size()));
  append<uint32_t>(end, offset);
  append<uint16_t>(end, 0);
  write(directory_);
  write(end);
  file_.commit();
}

}  // namespace suan::formats
