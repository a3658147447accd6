// Constants of an engine file: stored once, checked whole.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/internal/constants.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "suan/base/packed_form.h"
#include "suan/base/small_types.h"
#include "suan/base/string_pool.h"
#include "suan/base/threads.h"
#include "suan/graph/attrs.h"

namespace suan::engine {
namespace {

constexpr std::string_view kPlain = "plain", kTexts = "texts";

std::string texts_of(const Type& type, const Buffer& value) {
  Writer out;
  for (int64_t i = 0; i < type.shape.numel(); ++i) out.text(text_of(value.as<StringId>()[i]));
  return out.take();
}

struct TableEntry {
  Type type;
  std::string_view form;
  Bytes bytes;
  uint64_t hash = 0;
};

// Whether a kernel may read these bytes as elements of this type.
bool are_elements(DType dtype, Bytes bytes) {
  if (dtype == DType::boolean) {
    return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b <= 1; });
  }
  if (is_small_integer(dtype)) {
    const SmallRange range = small_range(dtype);
    const bool has_sign = range.low < 0;
    return std::all_of(bytes.begin(), bytes.end(), [&](uint8_t b) {
      const int value = has_sign ? static_cast<int8_t>(b) : b;
      return value >= range.low && value <= range.high;
    });
  }
  return dtype != DType::f4e2m1 ||
         std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b < 16; });
}

// The first entry whose checksum does not hold; -1: all do. Each thread takes as many bytes.
int64_t find_damaged(const std::vector<TableEntry>& entries, size_t total) {
  std::atomic<int64_t> damaged{-1};
  const int64_t pieces = num_threads();
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    const size_t from = total / static_cast<size_t>(pieces) * static_cast<size_t>(begin);
    const size_t to =
        end == pieces ? SIZE_MAX : total / static_cast<size_t>(pieces) * static_cast<size_t>(end);
    size_t position = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      const TableEntry& entry = entries[i];
      const bool mine = position >= from && position < to;
      position += entry.bytes.size();
      if (mine && (checksum(entry.bytes.data(), entry.bytes.size()) != entry.hash ||
                   (entry.form == kPlain && !are_elements(entry.type.dtype, entry.bytes)))) {
        damaged = static_cast<int64_t>(i);
      }
    }
  });
  return damaged;
}

BufferPtr borrow(Bytes bytes, const BufferPtr& owner) {
  return Buffer::borrow(const_cast<uint8_t*>(bytes.data()), bytes.size(), [owner] {});
}

BufferPtr read_texts(const TableEntry& entry, std::string_view where) {
  Reader reader(entry.bytes, where);
  std::vector<StringId> ids;  // grows with what is there, whatever the shape claims
  for (int64_t i = 0; i < entry.type.shape.numel(); ++i) {
    ids.push_back(intern(reader.text("a text")));
  }
  reader.expect_end("a constant");
  return Buffer::copy_of(ids.data(), ids.size() * sizeof(StringId));
}

// Whether what is unpacked of these bytes are elements of this type.
bool fits_dtype(const PackedForm& form, DType dtype, Bytes bytes) {
  if (form.element_size != static_cast<int64_t>(size_of(dtype))) return false;
  if (form.half) return dtype == (form.plus == 0 ? DType::u4 : DType::i4);
  const bool any = is_float(dtype) || dtype == DType::i8 || dtype == DType::u8;
  return any || (is_small_integer(dtype) && are_elements(dtype, bytes));
}

// A constant that is there packed; its plain data is made when it is asked for.
PackedConstant read_packed(const TableEntry& entry, const BufferPtr& owner,
                           std::string_view where) {
  const auto form = parse_packed_form(entry.form);
  const size_t plain_bytes = entry.type.bytes();
  const size_t least = form && form->half ? plain_bytes / 2 : plain_bytes;
  if (!form || !fits_dtype(*form, entry.type.dtype, entry.bytes) ||
      form->numel() != entry.type.shape.numel() || entry.bytes.size() < least ||
      !fits(*form, entry.bytes.size(), plain_bytes)) {
    bad_file(where, "a constant {} does not lie as '{}' in {} bytes", to_string(entry.type),
             entry.form.substr(0, 200), entry.bytes.size());
  }
  const BufferPtr packed = borrow(entry.bytes, owner);
  const auto fill = [packed, form = *form, plain_bytes] {
    BufferPtr plain = Buffer::allocate(plain_bytes);
    std::memset(plain->data(), 0, plain_bytes);  // the form of a stranger may leave holes
    unpack(form, packed->data(), plain->data());
    return plain;
  };
  return {Buffer::deferred(plain_bytes, fill), std::string(entry.form), packed};
}

}  // namespace

DType read_dtype(Reader& reader) {
  const std::string_view text = reader.text("a dtype");
  const auto dtype = parse_dtype(text);
  if (!dtype) bad_file(reader.where(), "there is no dtype '{}'", text.substr(0, 60));
  return *dtype;
}

ConstantWriter::ConstantWriter(std::span<const PackedConstant> packed) {
  for (const PackedConstant& p : packed) packed_[p.constant.get()] = &p;
}

size_t ConstantWriter::add(const Type& type, const BufferPtr& value, bool read) {
  const auto packed = packed_.find(value.get());
  const PackedConstant* pack = packed == packed_.end() ? nullptr : packed->second;
  size_t index = entries_.size();
  const auto known = by_address_.find(value.get());
  if (known != by_address_.end() && entries_[known->second].type == type) {
    index = known->second;
  } else {
    const uint64_t hash = checksum(value->data(), type.bytes());
    const auto [first, last] = by_content_.equal_range(hash);
    for (auto it = first; it != last; ++it) {
      const Entry& other = entries_[it->second];
      if (other.type == type &&
          std::memcmp(other.value->data(), value->data(), type.bytes()) == 0) {
        index = it->second;
      }
    }
    if (index == entries_.size()) {
      by_content_.emplace(hash, index);
      entries_.push_back({.type = type, .value = value});
      if (type.dtype == DType::string) entries_.back().texts = texts_of(type, *value);
    }
    by_address_.emplace(value.get(), index);
  }
  Entry& entry = entries_[index];
  if (pack && !entry.packed) entry.packed = pack;
  entry.plain = entry.plain || (read && (!pack || pack->form != entry.packed->form));
  return index;
}

std::string_view ConstantWriter::stored(const Entry& entry) const {
  if (entry.type.dtype == DType::string) return entry.texts;
  const bool packed = entry.packed && !entry.plain;
  const Buffer& bytes = packed ? *entry.packed->packed : *entry.value;
  return {bytes.as<char>(), packed ? bytes.bytes() : entry.type.bytes()};
}

std::string ConstantWriter::table() {
  Writer out;
  out.count(entries_.size());
  data_bytes_ = 0;
  for (const Entry& entry : entries_) {
    const std::string_view bytes = stored(entry);
    out.text(name(entry.type.dtype));
    out.text(to_string(entry.type.shape));
    out.text(entry.type.dtype == DType::string ? kTexts
             : entry.packed && !entry.plain    ? std::string_view(entry.packed->form)
                                               : kPlain);
    out.number(uint64_t{aligned(data_bytes_)});
    out.number(uint64_t{bytes.size()});
    out.number(checksum(bytes.data(), bytes.size()));
    data_bytes_ = aligned(data_bytes_) + bytes.size();
  }
  return out.take();
}

void ConstantWriter::write_data(AtomicFile& out) const {
  constexpr std::array<char, kAlign> kZeros{};
  size_t position = 0;
  for (const Entry& entry : entries_) {
    const std::string_view bytes = stored(entry);
    out.write(kZeros.data(), aligned(position) - position);
    out.write(bytes);
    position = aligned(position) + bytes.size();
  }
}

namespace {

Shape read_shape(Reader& reader) {
  const std::string_view text = reader.text("a shape");
  std::string_view rest = text;
  Shape shape;
  if (!parse_value(rest, shape) || !rest.empty() || !shape.fits_memory()) {
    bad_file(reader.where(), "'{}' is no shape", text.substr(0, 60));
  }
  return shape;
}

std::vector<TableEntry> read_table(Bytes table, Bytes data, std::string_view where) {
  Reader reader(table, where);
  std::vector<TableEntry> entries;
  size_t end = 0;
  for (uint32_t left = reader.count("the number of constants"); left > 0; --left) {
    TableEntry entry;
    entry.type.dtype = read_dtype(reader);
    entry.type.shape = read_shape(reader);
    entry.form = reader.text("a form");
    const auto offset = reader.number<uint64_t>("an offset");
    const auto bytes = reader.number<uint64_t>("a size");
    entry.hash = reader.number<uint64_t>("a checksum");
    const bool inside =
        offset == aligned(end) && offset <= data.size() && bytes <= data.size() - offset;
    if (!inside || !entry.type.shape.is_concrete()) {
      bad_file(where,
               "constant {} ({}) lies at {} with {} bytes, the one before it ends at {} of {}",
               entries.size(), to_string(entry.type), offset, bytes, end, data.size());
    }
    if (!are_zeros(data.subspan(end, offset - end))) {
      bad_file(where, "is damaged: there is something between constants");
    }
    entry.bytes = data.subspan(offset, bytes);
    end = offset + bytes;
    entries.push_back(entry);
  }
  reader.expect_end("the table of constants");
  if (end != data.size()) bad_file(where, "has {} bytes after its constants", data.size() - end);
  return entries;
}

}  // namespace

ConstantReader::ConstantReader(Bytes table, Bytes data, const BufferPtr& owner,
                               std::string_view where)
    : where_(where) {
  const std::vector<TableEntry> entries = read_table(table, data, where);
  const int64_t damaged = find_damaged(entries, data.size());
  if (damaged >= 0) {
    bad_file(where, "is damaged: the checksum of constant {} ({}) does not hold", damaged,
             to_string(entries[static_cast<size_t>(damaged)].type));
  }
  for (const TableEntry& entry : entries) {
    const bool texts = entry.type.dtype == DType::string;
    if ((entry.form == kTexts) != texts ||
        (entry.form == kPlain && entry.bytes.size() != entry.type.bytes())) {
      bad_file(where, "constant {} ({}) has {} bytes of the form '{}'", entries_.size(),
               to_string(entry.type), entry.bytes.size(), entry.form.substr(0, 60));
    }
    if (texts) {
      entries_.push_back({entry.type, read_texts(entry, where)});
    } else if (entry.form == kPlain) {
      entries_.push_back({entry.type, borrow(entry.bytes, owner)});
    } else {
      packed_.push_back(read_packed(entry, owner, where));
      entries_.push_back({entry.type, packed_.back().constant});
    }
  }
}

const ConstantReader::Entry& ConstantReader::at(size_t index, std::string_view what) const {
  if (index >= entries_.size()) {
    bad_file(where_, "{} is constant {} of {}", what, index, entries_.size());
  }
  return entries_[index];
}

}  // namespace suan::engine
