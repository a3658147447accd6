// Files, read with a limit and written whole or not at all: a failed write leaves the old file.
// Errors name the file and say what the system said.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "suan/base/buffer.h"

struct stat;  // NOLINT(readability-identifier-naming): POSIX names it

namespace suan {

inline constexpr size_t kFileLimit = size_t{4} << 30;

// The bytes of a file. Throws Error(kBadFile) when it cannot be read or is larger than `limit`.
std::string read_file(const std::string& path, size_t limit = kFileLimit);

// The file's bytes without copying them; writes to the buffer stay private. The mapping lives as
// long as the buffer. For files that nobody shortens meanwhile (reading past the end then faults).
BufferPtr map_file(const std::string& path, size_t limit = SIZE_MAX);
// The same, but nothing may write to it: all processes that map the file share its pages.
BufferPtr map_file_read_only(const std::string& path);
// Bytes of a mapped file that were read and not written: whole pages of them take no memory until
// they are read again.
void drop_pages(std::string_view bytes);

// A file that stays open, so that parts of it can be read when they are wanted.
class OpenFile : public std::enable_shared_from_this<OpenFile> {
 public:
  static std::shared_ptr<const OpenFile> open(const std::string& path);
  // Takes over an open descriptor, of which fstat said `info`; `path` names it in messages.
  static std::shared_ptr<const OpenFile> adopt(int descriptor, const std::string& path,
                                               const struct stat& info);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  size_t bytes() const { return bytes_; }
  BufferPtr map(size_t limit) const;  // as map_file()
  BufferPtr map_read_only() const;    // as map_file_read_only()
  // Reads a part. Throws Error(kBadFile) where the file is no longer what was opened.
  void read(size_t offset, void* to, size_t bytes) const;
  // A block that reads its part when its data is first wanted.
  BufferPtr later(size_t offset, size_t bytes) const;

 private:
  OpenFile(int descriptor, std::string path, const struct stat& info);
  void check_unchanged() const;
  int descriptor_;
  std::string path_;
  size_t bytes_;
  int64_t modified_;  // ns
};

inline std::span<const uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Writes beside `path`, then fsyncs and renames in commit(); without commit nothing is left behind.
// A path that exists and is no regular file (a pipe, /dev/stdout) is written directly.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);  // throws Error(kSystem)
  void write(std::string_view text) { write(text.data(), text.size()); }
  void commit();  // throws Error(kSystem)

 private:
  [[noreturn]] void failed(const char* action) const;
  std::string path_;       // as the caller named it, for messages
  std::string target_;     // symbolic links resolved
  std::string temporary_;  // empty when written directly
  int fd_ = -1;
};

// Where what can be found again is kept: $XDG_CACHE_HOME/suan or ~/.cache/suan, made if need be;
// empty where there is no such place.
std::string cache_folder();

void write_file_atomically(const std::string& path, std::string_view contents);

}  // namespace suan
