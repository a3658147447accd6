// The safetensors header: JSON with strict rules, checked before any array is made.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/safetensors.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "suan/base/file.h"
#include "suan/formats/internal/bytes.h"

namespace suan::formats {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kMaxHeader = 100'000'000;
constexpr std::string_view kNames[] = {"F64", "F32", "BF16", "F16", "I64", "I32", "I16",
                                       "I8",  "U64", "U32",  "U16", "U8",  "BOOL"};
static_assert(std::size(kNames) == kNumArithmeticDTypes);

struct Entry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  uint64_t begin = 0, end = 0;
};

Json parse_header(std::string_view text, std::string_view where) {
  std::set<std::string> names, fields;
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > 3) bad_file(where, "has a header nested deeper than a tensor's fields");
    if (event == Json::parse_event_t::object_start) fields.clear();
    if (event == Json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!(depth == 1 ? names : fields).insert(key).second) {
        bad_file(where, "has '{}' twice in its header", key);
      }
    }
    return true;
  };
  try {
    Json header = Json::parse(text, check);
    if (!header.is_object()) bad_file(where, "has a header that is no JSON object");
    return header;
  } catch (const Json::exception&) {
    bad_file(where, "has a header that is no valid JSON");
  }
}

DType parse_dtype_name(const Json& value, std::string_view name, std::string_view where) {
  if (!value.is_string()) bad_file(where, "tensor '{}' has no dtype", name);
  const auto& text = value.get_ref<const std::string&>();
  const auto found = std::find(std::begin(kNames), std::end(kNames), text);
  if (found == std::end(kNames)) {
    fail(ErrorCode::kUnsupported, where, "tensor '{}' has the dtype {}, which Suan does not have",
         name, text);
  }
  return static_cast<DType>(found - std::begin(kNames));
}

std::vector<uint64_t> parse_sizes(const Json& value, std::string_view field, std::string_view name,
                                  std::string_view where) {
  std::vector<uint64_t> sizes;
  if (!value.is_array()) bad_file(where, "tensor '{}' has no {}", name, field);
  for (const Json& size : value) {
    if (!size.is_number_unsigned()) {
      bad_file(where, "tensor '{}' has a {} that is no list of sizes", name, field);
    }
    sizes.push_back(size.get<uint64_t>());
  }
  return sizes;
}

Entry parse_entry(const std::string& name, const Json& fields, std::string_view where) {
  if (!fields.is_object()) bad_file(where, "tensor '{}' has no fields", name);
  const auto field = [&](const char* key) {
    const auto found = fields.find(key);
    return found == fields.end() ? Json() : *found;
  };
  Entry entry{name, parse_dtype_name(field("dtype"), name, where), {}};
  const std::vector<uint64_t> sizes = parse_sizes(field("shape"), "shape", name, where);
  const std::vector<uint64_t> range =
      parse_sizes(field("data_offsets"), "data_offsets", name, where);
  if (sizes.size() > kMaxRank) {
    bad_file(where, "tensor '{}' has {} dimensions, at most {} are supported", name, sizes.size(),
             kMaxRank);
  }
  const auto bytes = checked_bytes(sizes, size_of(entry.dtype));
  if (range.size() != 2 || range[0] > range[1] || !bytes || range[1] - range[0] != *bytes) {
    bad_file(where, "tensor '{}' has data_offsets that do not fit its shape and dtype", name);
  }
  entry.shape = to_shape(sizes);
  entry.begin = range[0];
  entry.end = range[1];
  return entry;
}

// In the order of their data, which must follow one another from 0 to `size` without a gap.
void check_ranges(std::vector<Entry>& entries, uint64_t size, std::string_view where) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  uint64_t position = 0;
  const Entry* previous = nullptr;
  for (const Entry& entry : entries) {
    if (entry.end > size) {
      bad_file(where, "tensor '{}' lies outside the file: it ends at {}, the data at {}",
               entry.name, entry.end, size);
    }
    if (entry.begin < position) {
      bad_file(where, "tensors '{}' and '{}' overlap", previous->name, entry.name);
    }
    if (entry.begin > position) {
      bad_file(where, "has {} unused bytes before tensor '{}'", entry.begin - position, entry.name);
    }
    if (entry.begin % size_of(entry.dtype) != 0) {
      bad_file(where, "tensor '{}' starts at {}, which is not aligned for {}", entry.name,
               entry.begin, kNames[static_cast<int>(entry.dtype)]);
    }
    position = entry.end;
    previous = &entry;
  }
  if (position != size) bad_file(where, "has {} unused bytes at its end", size - position);
}

std::map<std::string, std::string> parse_metadata(const Json& fields, std::string_view where) {
  std::map<std::string, std::string> metadata;
  if (!fields.is_object()) bad_file(where, "has a __metadata__ that is no object");
  for (const auto& [key, value] : fields.items()) {
    if (!value.is_string()) bad_file(where, "has the metadata '{}', which is no text", key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

}  // namespace

Safetensors parse_safetensors(const BufferPtr& owner, std::string_view where) {
  ByteReader reader({owner->as<uint8_t>(), owner->bytes()}, where);
  const auto length = reader.little<uint64_t>("the header length");
  if (length > kMaxHeader) {
    bad_file(where, "claims a header of {} bytes, at most {} are read", length, kMaxHeader);
  }
  const Json header = parse_header(reader.text(length, "the header"), where);
  Safetensors file;
  std::vector<Entry> entries;
  for (const auto& [name, fields] : header.items()) {
    if (name == "__metadata__") {
      file.metadata = parse_metadata(fields, where);
    } else {
      entries.push_back(parse_entry(name, fields, where));
    }
  }
  check_ranges(entries, reader.remaining(), where);
  const Bytes data = reader.take(reader.remaining(), "the data");
  for (const Entry& entry : entries) {
    const Bytes part = data.subspan(entry.begin, entry.end - entry.begin);
    if (entry.dtype == DType::boolean) {
      check_bools(part, where, fmt::format("tensor '{}'", entry.name));
    }
    auto* at = const_cast<uint8_t*>(part.data());
    const bool aligned = reinterpret_cast<uintptr_t>(at) % size_of(entry.dtype) == 0;
    BufferPtr buffer =
        aligned ? Buffer::borrow(at, part.size(), [owner] {}) : Buffer::copy_of(at, part.size());
    file.tensors.push_back({entry.name, {entry.dtype, entry.shape, std::move(buffer)}});
  }
  return file;
}

Safetensors read_safetensors(const std::string& path) {
  return parse_safetensors(map_file(path), path);
}

void write_safetensors(const std::string& path, const Safetensors& file) {
  std::vector<const NamedArray*> order;
  std::set<std::string_view> names{"__metadata__"};
  for (const NamedArray& entry : file.tensors) {
    if (!names.insert(entry.name).second) {
      fail(path, "the tensor name '{}' is taken", entry.name);
    }
    if (!is_arithmetic(entry.array.dtype)) {
      fail(ErrorCode::kUnsupported, path, "tensor '{}' is {}, which the format does not have",
           entry.name, name(entry.array.dtype));
    }
    order.push_back(&entry);
  }
  std::stable_sort(order.begin(), order.end(), [](const NamedArray* a, const NamedArray* b) {
    return size_of(a->array.dtype) > size_of(b->array.dtype);
  });
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  auto& fields = header.get_ref<nlohmann::ordered_json::object_t&>();
  size_t position = 0;
  for (const NamedArray* entry : order) {
    const Array& array = entry->array;
    const std::vector<int64_t> sizes(array.shape.begin(), array.shape.end());
    nlohmann::ordered_json range = {position, position + array.bytes()};
    position += array.bytes();
    fields.push_back({entry->name,
                      {{"dtype", kNames[static_cast<int>(array.dtype)]},
                       {"shape", sizes},
                       {"data_offsets", std::move(range)}}});
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const nlohmann::json::exception&) {
    fail(path, "a name or a metadata text is not valid UTF-8");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  AtomicFile out(path);
  const auto length = static_cast<uint64_t>(text.size());
  out.write(&length, sizeof length);
  out.write(text);
  for (const NamedArray* entry : order) out.write(entry->array.as<char>(), entry->array.bytes());
  out.commit();
}

}  // namespace suan::formats
