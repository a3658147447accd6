// POSIX reads, maps and atomic writes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "suan/base/error.h"

namespace suan {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

int open_to_read(const std::string& path, struct stat& info) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(ErrorCode::kBadFile, path, "could not open it: {}", std::strerror(errno));
  if (::fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
    ::close(fd);
    fail(ErrorCode::kBadFile, path, "is a folder, expected a file");
  }
  return fd;
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string resolve_links(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (!real) return path;
  std::string text = real;
  std::free(real);
  return text;
}

void check_size(const std::string& path, size_t size, size_t limit) {
  if (size > limit) {
    fail(ErrorCode::kBadFile, path, "has {} bytes, at most {} are read", size, limit);
  }
}

BufferPtr map_descriptor(int fd, const std::string& path, size_t size, int protection, int kind) {
  if (size == 0) return Buffer::allocate(0);
  void* data = ::mmap(nullptr, size, protection, kind, fd, 0);
  if (data == MAP_FAILED) {
    fail(ErrorCode::kBadFile, path, "could not map it: {}", std::strerror(errno));
  }
  return Buffer::borrow(data, size, [data, size] { ::munmap(data, size); });
}

int64_t modified_at(const struct stat& info) {
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec;
}

}  // namespace

std::string read_file(const std::string& path, size_t limit) {
  struct stat info{};
  const Descriptor file{open_to_read(path, info)};
  const auto size = static_cast<size_t>(std::max<off_t>(info.st_size, 0));
  check_size(path, size, limit);
  // One byte more than expected, so that the end is seen without growing the text.
  std::string text(size + 1, '\0');
  size_t got = 0;
  for (;;) {
    const ssize_t n = ::read(file.fd, text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kBadFile, path, "could not read it: {}", std::strerror(errno));
    if (n == 0) break;
    got += static_cast<size_t>(n);
    if (got > limit) fail(ErrorCode::kBadFile, path, "has more than {} bytes", limit);
    if (got == text.size()) text.resize(std::max<size_t>(4096, text.size() * 2));
  }
  text.resize(got);
  return text;
}

BufferPtr map_file(const std::string& path, size_t limit) {
  return OpenFile::open(path)->map(limit);
}
BufferPtr map_file_read_only(const std::string& path) {
  return OpenFile::open(path)->map_read_only();
}

void drop_pages(std::string_view bytes) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin >= end) return;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): pages are numbers
  (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

std::shared_ptr<const OpenFile> OpenFile::open(const std::string& path) {
  struct stat info{};
  const int descriptor = open_to_read(path, info);
  return std::shared_ptr<const OpenFile>(new OpenFile(descriptor, path, info));
}
std::shared_ptr<const OpenFile> OpenFile::adopt(int descriptor, const std::string& path,
                                                const struct stat& info) {
  return std::shared_ptr<const OpenFile>(new OpenFile(descriptor, path, info));
}

OpenFile::OpenFile(int descriptor, std::string path, const struct stat& info)
    : descriptor_(descriptor),
      path_(std::move(path)),
      bytes_(static_cast<size_t>(std::max<off_t>(info.st_size, 0))),
      modified_(modified_at(info)) {}
OpenFile::~OpenFile() { ::close(descriptor_); }

BufferPtr OpenFile::map(size_t limit) const {
  check_size(path_, bytes_, limit);
  return map_descriptor(descriptor_, path_, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}
BufferPtr OpenFile::map_read_only() const {
  return map_descriptor(descriptor_, path_, bytes_, PROT_READ, MAP_SHARED);
}

void OpenFile::check_unchanged() const {
  struct stat info{};
  if (::fstat(descriptor_, &info) != 0 || static_cast<size_t>(info.st_size) != bytes_ ||
      modified_at(info) != modified_) {
    fail(ErrorCode::kBadFile, path_, "was changed while it was in use");
  }
}

void OpenFile::read(size_t offset, void* to, size_t bytes) const {
  check_unchanged();
  for (size_t done = 0; done < bytes;) {
    const ssize_t n = ::pread(descriptor_, static_cast<char*>(to) + done, bytes - done,
                              static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(ErrorCode::kBadFile, path_, "could not read it: {}", std::strerror(errno));
    if (n == 0) fail(ErrorCode::kBadFile, path_, "ends before {} bytes", offset + bytes);
    done += static_cast<size_t>(n);
  }
}

BufferPtr OpenFile::later(size_t offset, size_t bytes) const {
  return Buffer::deferred(bytes, [file = shared_from_this(), offset, bytes] {
    BufferPtr block = Buffer::allocate(bytes);
    file->read(offset, block->data(), bytes);
    return block;
  });
}

AtomicFile::AtomicFile(const std::string& path) : path_(path), target_(resolve_links(path)) {
  struct stat info{};
  const bool exists = ::stat(target_.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) {
    fail(ErrorCode::kSystem, path_, "is a folder, could not write a file there");
  }
  if (exists && !S_ISREG(info.st_mode)) {
    fd_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    static std::atomic<unsigned> count{0};
    temporary_ = target_ + ".part-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  }
  if (fd_ < 0) {
    temporary_.clear();
    failed("create");
  }
  if (exists && !temporary_.empty()) (void)!::fchmod(fd_, info.st_mode & 0777);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::failed(const char* action) const {
  fail(ErrorCode::kSystem, path_, "could not {} it: {}", action, std::strerror(errno));
}

void AtomicFile::write(const void* data, size_t bytes) {
  const char* from = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t n = ::write(fd_, from, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) failed("write");
    from += n;
    bytes -= static_cast<size_t>(n);
  }
}

void AtomicFile::commit() {
  const bool whole = temporary_.empty() || ::fsync(fd_) == 0;
  if (!whole) failed("write");
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0) failed("write");
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) failed("replace");
  temporary_.clear();
  // The new name itself is on disk only after its folder is.
  const Descriptor folder{::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.fd >= 0) ::fsync(folder.fd);
}

std::string cache_folder() {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (!xdg && !home) return {};
  const std::string path = (xdg ? std::string(xdg) : std::string(home) + "/.cache") + "/suan";
  std::error_code error;
  std::filesystem::create_directories(path, error);
  return error ? std::string() : path;
}

void write_file_atomically(const std::string& path, std::string_view contents) {
  AtomicFile file(path);
  file.write(contents);
  file.commit();
}

}  // namespace suan
