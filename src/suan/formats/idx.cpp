// The IDX header, and its data through zlib or straight.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/idx.h"

#include <fmt/ranges.h>

#include <functional>
#include <vector>

#include "suan/formats/compression.h"
#include "suan/formats/internal/bytes.h"

namespace suan::formats {
namespace {

struct Code {
  uint8_t code;
  DType dtype;
};
constexpr Code kCodes[] = {{0x08, DType::u8},
                           {0x09, DType::i8},
                           {0x0C, DType::i32},
                           {0x0D, DType::f32},
                           {0x0E, DType::f64}};

using Read = std::function<size_t(uint8_t*, size_t)>;

DType read_magic(const Read& read, std::string_view where, int& rank) {
  uint8_t magic[4] = {};
  if (read(magic, 4) != 4) bad_file(where, "is truncated: its header needs 4 bytes");
  if (magic[0] != 0 || magic[1] != 0) {
    bad_file(where, "is no IDX file: it starts with {:02x} {:02x}, expected 00 00", magic[0],
             magic[1]);
  }
  rank = magic[3];
  if (rank > kMaxRank) {
    bad_file(where, "has {} dimensions, at most {} are supported", rank, kMaxRank);
  }
  for (const Code& entry : kCodes) {
    if (entry.code == magic[2]) return entry.dtype;
  }
  fail(ErrorCode::kUnsupported, where,
       "has elements of type {:#04x}, expected u8, i8, i32, f32 or "
       "f64",
       magic[2]);
}

// `available` is the most data the file can hold; nothing larger is allocated.
Array parse(const Read& read, size_t available, std::string_view where) {
  int rank = 0;
  const DType dtype = read_magic(read, where, rank);
  std::vector<uint64_t> sizes;
  for (int i = 0; i < rank; ++i) {
    uint8_t raw[4];
    if (read(raw, 4) != 4) bad_file(where, "is truncated: size {} is missing", i);
    sizes.push_back(uint64_t{raw[0]} << 24 | raw[1] << 16 | raw[2] << 8 | raw[3]);
  }
  const auto bytes = checked_bytes(sizes, size_of(dtype));
  if (!bytes || *bytes > available) {
    bad_file(where, "claims {} elements ({}), more than the file can hold", fmt::join(sizes, " x "),
             name(dtype));
  }
  Array array(dtype, to_shape(sizes));
  const size_t got = read(array.as<uint8_t>(), *bytes);
  if (got != *bytes)
    bad_file(where, "is truncated: got {} bytes of data, expected {}", got, *bytes);
  uint8_t extra = 0;
  if (read(&extra, 1) != 0) bad_file(where, "has data after the {} bytes it announces", *bytes);
  if (std::endian::native == std::endian::little) {
    swap_bytes(array.as<uint8_t>(), *bytes, size_of(dtype));
  }
  return array;
}

}  // namespace

Array parse_idx(Bytes bytes, std::string_view where) {
  if (is_gzip(bytes)) {
    Inflater inflater(bytes, Deflate::gzip, where);
    return parse([&](uint8_t* out, size_t n) { return inflater.read(out, n); },
                 bytes.size() * kMaxDeflateRatio, where);
  }
  size_t position = 0;
  const Read read = [&](uint8_t* out, size_t n) {
    n = std::min(n, bytes.size() - position);
    std::copy_n(bytes.data() + position, n, out);
    position += n;
    return n;
  };
  return parse(read, bytes.size(), where);
}

Array read_idx(const std::string& path) {
  const std::string bytes = read_file(path);
  return parse_idx(bytes_of(bytes), path);
}

void write_idx(const std::string& path, const Array& array) {
  const Code* entry = std::find_if(std::begin(kCodes), std::end(kCodes),
                                   [&](const Code& c) { return c.dtype == array.dtype; });
  if (entry == std::end(kCodes)) fail(path, "IDX files cannot hold {}", name(array.dtype));
  std::string out{'\0', '\0', static_cast<char>(entry->code),
                  static_cast<char>(array.shape.rank())};
  for (int64_t size : array.shape) {
    if (size >= int64_t{1} << 32) fail(path, "IDX files cannot hold a dimension of {}", size);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  }
  const size_t header = out.size();
  out.append(array.as<char>(), array.bytes());
  if (std::endian::native == std::endian::little) {
    swap_bytes(reinterpret_cast<uint8_t*>(out.data()) + header, array.bytes(),
               size_of(array.dtype));
  }
  write_file_atomically(path,
                        path.ends_with(".gz") ? deflate_all(bytes_of(out), Deflate::gzip) : out);
}

}  // namespace suan::formats
