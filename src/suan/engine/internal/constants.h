// The constants of an engine file: a table, and their bytes in the section `data`. Each is there
// once, whatever number of programs reads it, plain or packed. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "suan/base/file.h"
#include "suan/engine/container.h"
#include "suan/graph/type.h"
#include "suan/program/packs.h"

namespace suan::engine {

class ConstantWriter {
 public:
  explicit ConstantWriter(std::span<const PackedConstant> packed);
  // The place of a constant in the table. What a program reads stays plain unless it is known
  // packed; for everything else (`read` is false) either will do.
  size_t add(const Type& type, const BufferPtr& value, bool read);
  // The table, once all are added.
  std::string table();
  size_t data_bytes() const { return data_bytes_; }  // after table()
  void write_data(AtomicFile& out) const;

 private:
  struct Entry {
    Type type;
    BufferPtr value;
    const PackedConstant* packed = nullptr;
    bool plain = false;  // a program reads it as it is, or in several forms
    std::string texts;   // of a tensor of strings: what is stored
  };
  std::string_view stored(const Entry& entry) const;

  std::unordered_map<const Buffer*, const PackedConstant*> packed_;
  std::unordered_map<const Buffer*, size_t> by_address_;
  std::multimap<uint64_t, size_t> by_content_;
  std::vector<Entry> entries_;
  size_t data_bytes_ = 0;
};

// The constants in the order of the table.
class ConstantReader {
 public:
  // Checks every entry and every checksum. The buffers keep `owner` alive.
  ConstantReader(Bytes table, Bytes data, const BufferPtr& owner, std::string_view where);
  struct Entry {
    Type type;
    BufferPtr value;
  };
  const Entry& at(size_t index, std::string_view what) const;
  std::vector<PackedConstant> take_packed() { return std::move(packed_); }

 private:
  std::string_view where_;
  std::vector<Entry> entries_;
  std::vector<PackedConstant> packed_;
};

DType read_dtype(Reader& reader);  // by its name

}  // namespace suan::engine
