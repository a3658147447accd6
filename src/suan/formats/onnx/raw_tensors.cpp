// Walking a message by its wire format: https://protobuf.dev/programming-guides/encoding
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/raw_tensors.h"

#include <cstdint>
#include <optional>

namespace suan::onnx {
namespace {

constexpr uint64_t kGraph = 7, kInitializer = 5, kRawData = 9;  // fields of onnx.proto
constexpr size_t kLarge = 4096;

struct Field {
  uint64_t number = 0;
  bool counted = false;          // of a length and that many bytes, which are its body
  std::string_view whole, body;  // with and without its tag
};

class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  bool at_end() const { return at_ == bytes_.size(); }

  std::optional<Field> next() {
    const size_t start = at_;
    const auto tag = varint();
    if (!tag) return std::nullopt;
    Field field{.number = *tag >> 3, .counted = (*tag & 7) == 2};
    std::optional<uint64_t> size;
    size_t body = at_;
    switch (*tag & 7) {
      case 0:
        if (!varint()) return std::nullopt;
        size = at_ - body;
        at_ = body;
        break;
      case 1:
        size = 8;
        break;
      case 2:
        size = varint();
        body = at_;
        break;
      case 5:
        size = 4;
        break;
      default:  // groups, which onnx.proto has none of
        return std::nullopt;
    }
    if (!size || *size > bytes_.size() - at_) return std::nullopt;
    at_ += *size;
    field.whole = bytes_.substr(start, at_ - start);
    field.body = bytes_.substr(body, *size);
    return field;
  }

 private:
  std::optional<uint64_t> varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ < bytes_.size(); shift += 7) {
      const auto byte = static_cast<uint8_t>(bytes_[at_++]);
      value |= static_cast<uint64_t>(byte & 127) << shift;
      if (byte < 128) return value;
    }
    return std::nullopt;
  }

  std::string_view bytes_;
  size_t at_ = 0;
};

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  out += static_cast<char>(value);
}
void append_field(std::string& out, uint64_t number, std::string_view body) {
  append_varint(out, number << 3 | 2);
  append_varint(out, body.size());
  out += body;
}

// Copies the fields to `out`, but for those that `take` deals with; false where they do not parse.
template <class Take>
bool copy_fields(std::string_view bytes, std::string& out, const Take& take) {
  Fields fields(bytes);
  while (!fields.at_end()) {
    const auto field = fields.next();
    if (!field) return false;
    if (field->counted) {
      const std::optional<bool> taken = take(*field);
      if (taken && !*taken) return false;
      if (taken) continue;
    }
    out += field->whole;
  }
  return true;
}

bool split_tensor(std::string_view bytes, std::string& out, std::string_view& raw) {
  return copy_fields(bytes, out, [&](const Field& field) -> std::optional<bool> {
    if (field.number != kRawData) return std::nullopt;
    const bool large = field.body.size() >= kLarge;
    raw = large ? field.body : std::string_view();  // of several the last one counts
    return large ? std::optional(true) : std::nullopt;
  });
}

bool split_graph(std::string_view bytes, std::string& out, std::vector<std::string_view>& all) {
  return copy_fields(bytes, out, [&](const Field& field) -> std::optional<bool> {
    if (field.number != kInitializer) return std::nullopt;
    std::string tensor;
    if (!split_tensor(field.body, tensor, all.emplace_back())) return false;
    append_field(out, kInitializer, tensor);
    return true;
  });
}

}  // namespace

SplitModel split_model(std::string_view bytes) {
  SplitModel split;
  const bool parsed =
      copy_fields(bytes, split.message, [&](const Field& field) -> std::optional<bool> {
        if (field.number != kGraph) return std::nullopt;
        std::string graph;
        if (!split_graph(field.body, graph, split.raw)) return false;
        append_field(split.message, kGraph, graph);
        return true;
      });
  if (!parsed) split = {std::string(bytes), {}};
  return split;
}

}  // namespace suan::onnx
