// Reading external data without leaving the model's folder.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/internal/external_data.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "suan/base/error.h"
#include "suan/base/small_types.h"

namespace suan::onnx {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int take() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

struct Location {
  std::string path;
  uint64_t offset = 0;
  uint64_t length = 0;
  bool has_length = false;
};

uint64_t read_number(const std::string& text, const std::string& what) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail(ErrorCode::kBadFile, what, "'{}' is not a number of bytes", text);
  }
  return value;
}

Location read_location(const ::onnx::TensorProto& proto, const std::string& what) {
  Location location;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") {
      location.path = entry.value();
    } else if (entry.key() == "offset") {
      location.offset = read_number(entry.value(), what);
    } else if (entry.key() == "length") {
      location.length = read_number(entry.value(), what);
      location.has_length = true;
    } else if (entry.key() != "checksum") {
      fail(ErrorCode::kBadFile, what, "has the unknown external data key '{}'", entry.key());
    }
  }
  if (location.path.empty()) fail(ErrorCode::kBadFile, what, "has no external data location");
  return location;
}

// Opens `path` folder by folder; no part may be a link or lead upwards.
Descriptor open_beneath(const std::filesystem::path& folder, const std::string& path,
                        const std::string& what) {
  const std::filesystem::path relative(path);
  if (path.find('\0') != std::string::npos) {
    fail(ErrorCode::kBadFile, what, "names a path with a zero byte");
  }
  if (relative.is_absolute()) {
    fail(ErrorCode::kBadFile, what, "names the absolute path '{}', expected one beneath the model",
         path);
  }
  const std::string start = folder.empty() ? "." : folder.string();
  Descriptor at(open(start.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (auto part = relative.begin(); part != relative.end(); ++part) {
    if (*part == ".." || part->empty()) {
      fail(ErrorCode::kBadFile, what, "names '{}', which leaves the model's folder", path);
    }
    if (*part == ".") continue;
    const bool last = std::next(part) == relative.end();
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY);
    Descriptor next(openat(at.get(), part->c_str(), flags));
    if (next.get() < 0) {
      fail(ErrorCode::kBadFile, what, "cannot open '{}': {}", path,
           errno == ELOOP ? "it is a symbolic link" : std::strerror(errno));
    }
    at = std::move(next);
  }
  return at;
}

}  // namespace

std::shared_ptr<const OpenFile> DataFolder::open(const std::string& name, const std::string& what) {
  constexpr size_t kOpen = 64;  // files are kept open; tensors of others are read at once
  const auto known = files_.find(name);
  if (known != files_.end()) return known->second;
  Descriptor file = open_beneath(path_, name, what);
  struct stat info{};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    fail(ErrorCode::kBadFile, what, "'{}' is not a file", name);
  }
  if (info.st_nlink > 1) fail(ErrorCode::kBadFile, what, "'{}' has several hard links", name);
  const auto opened = OpenFile::adopt(file.take(), name, info);
  if (files_.size() < kOpen) files_.emplace(name, opened);
  return opened;
}

Array DataFolder::read(const ::onnx::TensorProto& proto, DType dtype, const Shape& shape,
                       const std::string& where) {
  const std::string what = fmt::format("{}: tensor '{}'", where, proto.name());
  if (dtype == DType::string) fail(ErrorCode::kBadFile, what, "holds strings in another file");
  const Location location = read_location(proto, what);
  const auto file = open(location.path, what);
  const uint64_t bytes = packed_size(dtype, shape);
  if (location.has_length && location.length != bytes) {
    fail(ErrorCode::kBadFile, what, "has {} bytes, expected {}", location.length, bytes);
  }
  if (location.offset > file->bytes() || bytes > file->bytes() - location.offset) {
    fail(ErrorCode::kBadFile, what, "lies at {} with {} bytes, but '{}' has {}", location.offset,
         bytes, location.path, file->bytes());
  }
  if (bytes > limits_.value_bytes || bytes > limits_.file_bytes - bytes_) {
    fail(ErrorCode::kBadFile, what, "has {} bytes, beyond the limit of {} a tensor or {} in all",
         bytes, limits_.value_bytes, limits_.file_bytes);
  }
  bytes_ += bytes;
  const bool late = bytes >= limits_.late_bytes && can_wait(dtype);
  if (late && files_.contains(location.path)) {
    return array_later(dtype, shape, file->later(location.offset, bytes));
  }
  return array_of(dtype, shape, [&](void* to) { file->read(location.offset, to, bytes); });
}

}  // namespace suan::onnx
