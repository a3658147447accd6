// The .npy header (a Python dict literal of three fixed keys) and the data behind it.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/npy.h"

#include <fmt/ranges.h>

#include <charconv>
#include <vector>

#include "suan/formats/internal/bytes.h"
#include "suan/formats/zip.h"

namespace suan::formats {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr size_t kMaxHeader = 1 << 16;

struct Descr {
  std::string_view text;  // without the byte order
  DType dtype;
};
constexpr Descr kDescrs[] = {{"f8", DType::f64},    {"f4", DType::f32}, {"V2", DType::bf16},
                             {"f2", DType::f16},    {"i8", DType::i64}, {"i4", DType::i32},
                             {"i2", DType::i16},    {"i1", DType::i8},  {"u8", DType::u64},
                             {"u4", DType::u32},    {"u2", DType::u16}, {"u1", DType::u8},
                             {"b1", DType::boolean}};

struct Header {
  DType dtype = DType::f32;
  bool swapped = false, column_major = false;
  std::vector<uint64_t> sizes;
};

// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }: exactly these keys, any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view where) : text_(text), where_(where) {}

  Header parse() {
    Header header;
    int seen = 0;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        parse_descr(header);
        seen |= 1;
      } else if (key == "fortran_order") {
        header.column_major = boolean();
        seen |= 2;
      } else if (key == "shape") {
        header.sizes = tuple();
        seen |= 4;
      } else {
        bad_file(where_, "has the unknown .npy header key '{}'", key);
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    if (seen != 7) bad_file(where_, "lacks descr, fortran_order or shape in its .npy header");
    return header;
  }

 private:
  void skip_spaces() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n')) text_.remove_prefix(1);
  }
  bool accept(char c) {
    skip_spaces();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) bad_file(where_, "has a damaged .npy header: expected '{}'", c);
  }
  std::string_view quoted() {
    const char quote = accept('"') ? '"' : '\'';
    if (quote == '\'') expect('\'');
    const size_t end = text_.find(quote);
    if (end == text_.npos) bad_file(where_, "has a damaged .npy header: expected '{}'", quote);
    const std::string_view result = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return result;
  }
  bool boolean() {
    skip_spaces();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    bad_file(where_, "has a damaged .npy header: expected True or False");
  }
  std::vector<uint64_t> tuple() {
    std::vector<uint64_t> sizes;
    expect('(');
    while (!accept(')')) {
      skip_spaces();
      uint64_t size = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), size);
      if (error != std::errc()) bad_file(where_, "has a damaged .npy header: expected a size");
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      sizes.push_back(size);
      if (sizes.size() > kMaxRank) {
        bad_file(where_, "has more than {} dimensions", kMaxRank);
      }
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }
  void parse_descr(Header& header) {
    skip_spaces();
    const std::string_view descr = text_.starts_with('[') ? "a structure" : quoted();
    for (const Descr& entry : kDescrs) {
      if (descr.empty() || descr.substr(1) != entry.text) continue;
      const bool single = size_of(entry.dtype) == 1 || entry.text == "V2";
      const bool big = descr[0] == '>';
      if (descr[0] != '<' && !big && !(single && descr[0] == '|')) continue;
      header.dtype = entry.dtype;
      header.swapped = big != (std::endian::native == std::endian::big) && !single;
      return;
    }
    fail(ErrorCode::kUnsupported, where_, "has the dtype {}, which Suan does not have", descr);
  }

  std::string_view text_;
  std::string_view where_;
};

// A copy of column-major data in row-major order.
Array to_row_major(const Array& from) {
  const Shape& shape = from.shape;
  Array to(from.dtype, shape);
  if (from.numel() == 0) return to;
  const size_t size = size_of(from.dtype);
  Shape index = Shape::filled(shape.rank(), 0);
  uint8_t* out = to.as<uint8_t>();
  do {
    int64_t offset = 0;
    for (int i = shape.rank() - 1; i >= 0; --i) offset = offset * shape[i] + index[i];
    std::memcpy(out, from.as<uint8_t>() + static_cast<size_t>(offset) * size, size);
    out += size;
  } while (next_index(index, shape));
  return to;
}

Header read_header(ByteReader& reader, std::string_view where) {
  if (reader.remaining() < kMagic.size() || reader.text(kMagic.size(), "the magic") != kMagic) {
    bad_file(where, "is no .npy file: its first bytes are not \\x93NUMPY");
  }
  const auto version = reader.little<uint16_t>("the version");
  const int major = version & 0xff;
  if (major < 1 || major > 3) {
    fail(ErrorCode::kUnsupported, where, "has .npy version {}, expected 1, 2 or 3", major);
  }
  const uint32_t length = major == 1 ? reader.little<uint16_t>("the header length")
                                     : reader.little<uint32_t>("the header length");
  if (length > kMaxHeader) {
    bad_file(where, "has a .npy header of {} bytes, at most {} are read", length, kMaxHeader);
  }
  return HeaderParser(reader.text(length, "the header"), where).parse();
}

std::string npy_header(const Array& array) {
  const Descr* entry = std::find_if(std::begin(kDescrs), std::end(kDescrs),
                                    [&](const Descr& d) { return d.dtype == array.dtype; });
  if (entry == std::end(kDescrs)) {
    fail(ErrorCode::kUnsupported, ".npy", "has no dtype like {}", name(array.dtype));
  }
  const bool single = size_of(array.dtype) == 1;
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                   single ? '|' : '<', entry->text, fmt::join(array.shape, ", "),
                                   array.shape.rank() == 1 ? "," : "");
  const size_t used = kMagic.size() + 4 + header.size() + 1;
  header.append((64 - used % 64) % 64, ' ');  // the data starts at a multiple of 64
  header += '\n';
  std::string out(kMagic);
  out += {'\1', '\0', static_cast<char>(header.size()), static_cast<char>(header.size() >> 8)};
  return out + header;
}

static_assert(std::endian::native == std::endian::little, "data is written as it lies in memory");

}  // namespace

Array parse_npy(Bytes bytes, std::string_view where) {
  ByteReader reader(bytes, where);
  const Header header = read_header(reader, where);
  const auto size = checked_bytes(header.sizes, size_of(header.dtype));
  if (!size || *size != reader.remaining()) {
    bad_file(where, "holds {} bytes of data, but claims {} elements ({})", reader.remaining(),
             header.sizes.empty() ? "1" : fmt::format("{}", fmt::join(header.sizes, " x ")),
             name(header.dtype));
  }
  const Bytes data = reader.take(*size, "the data");
  if (header.dtype == DType::boolean) check_bools(data, where, "the array");
  Array array(header.dtype, to_shape(header.sizes), Buffer::copy_of(data.data(), data.size()));
  if (header.swapped) swap_bytes(array.as<uint8_t>(), *size, size_of(header.dtype));
  return header.column_major && array.shape.rank() > 1 ? to_row_major(array) : array;
}

Array read_npy(const std::string& path) {
  const BufferPtr file = map_file(path);
  return parse_npy({file->as<uint8_t>(), file->bytes()}, path);
}

void write_npy(const std::string& path, const Array& array) {
  AtomicFile file(path);
  file.write(npy_header(array));
  file.write(array.as<char>(), array.bytes());
  file.commit();
}

NamedArrays parse_npz(Bytes bytes, std::string_view where) {
  NamedArrays arrays;
  for (const ZipEntry& entry : zip_entries(bytes, where)) {
    if (!entry.name.ends_with(".npy")) {
      bad_file(where, "holds '{}', which is no .npy array", entry.name);
    }
    const std::string text = unzip(entry, where);
    const std::string inside = fmt::format("{}: {}", where, entry.name);
    arrays.push_back(
        {entry.name.substr(0, entry.name.size() - 4), parse_npy(bytes_of(text), inside)});
  }
  return arrays;
}

NamedArrays read_npz(const std::string& path) {
  const BufferPtr file = map_file(path);
  return parse_npz({file->as<uint8_t>(), file->bytes()}, path);
}

void write_npz(const std::string& path, const NamedArrays& arrays, bool compress) {
  ZipWriter zip(path);
  for (const auto& [name, array] : arrays) {
    zip.add(name + ".npy", npy_header(array) + std::string(array.as<char>(), array.bytes()),
            compress);
  }
  zip.finish();
}

}  // namespace suan::formats
