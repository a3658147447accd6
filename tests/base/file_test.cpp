// Reading with limits, mapping, and writes that leave the old file whole when they fail.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/file.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan {
namespace {

namespace fs = std::filesystem;

size_t files_in(const std::string& folder) {
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Lets files grow to `bytes` only, as on a full disk, while it lives.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit old_{};
  sighandler_t handler_;
};

TEST(File, ReadsWhatWasWritten) {
  const TempFolder folder;
  const std::string text("a\0b\n", 4);
  write_file_atomically(folder / "x", text);
  EXPECT_EQ(read_file(folder / "x"), text);
  write_file_atomically(folder / "x", "new");
  EXPECT_EQ(read_file(folder / "x"), "new");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(File, ReadsFilesWhoseSizeIsNotKnown) { EXPECT_FALSE(read_file("/proc/self/status").empty()); }

TEST(File, ReadRefusesMissingFoldersAndFilesOverTheLimit) {
  const TempFolder folder;
  EXPECT_ERROR(read_file(folder / "no"), kBadFile,
               folder / "no" + ": could not open it: No such file or directory");
  EXPECT_ERROR(read_file(folder.path()), kBadFile,
               folder.path() + ": is a folder, expected a file");
  const std::string path = folder.file("x", "12345");
  EXPECT_ERROR(read_file(path, 4), kBadFile, path + ": has 5 bytes, at most 4 are read");
  EXPECT_ERROR(read_file("/dev/zero", 100), kBadFile, "/dev/zero: has more than 100 bytes");
  EXPECT_ERROR(map_file(folder / "no"), kBadFile,
               folder / "no" + ": could not open it: No such file or directory");
}

TEST(File, AMapOutlivesTheFileAndKeepsWritesPrivate) {
  const TempFolder folder;
  const std::string path = folder.file("x", "abc");
  const BufferPtr map = map_file(path);
  map->as<char>()[0] = 'z';
  EXPECT_EQ(read_file(path), "abc");
  fs::remove(path);
  EXPECT_EQ(std::string(map->as<char>(), map->bytes()), "zbc");
  EXPECT_EQ(map_file(folder.file("empty", ""))->bytes(), 0u);
  const std::string five = folder.file("five", "12345");
  EXPECT_ERROR(map_file(five, 4), kBadFile, five + ": has 5 bytes, at most 4 are read");
}

TEST(File, DroppedPagesAreReadAgain) {
  const TempFolder folder;
  std::string text(100'000, 'a');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i / 4096 % 26);
  const BufferPtr map = map_file(folder.file("x", text));
  const std::string_view bytes(map->as<char>(), map->bytes());
  EXPECT_EQ(bytes, text);
  drop_pages(bytes.substr(5000, 60'000));
  EXPECT_EQ(bytes, text);
}

TEST(File, ADiskFullLeavesTheOldFileAndNoOther) {
  const TempFolder folder;
  const std::string path = folder.file("x", "old");
  {
    const FileSizeLimit limit(1000);
    EXPECT_ERROR(write_file_atomically(path, std::string(5000, 'n')), kSystem,
                 path + ": could not write it: File too large");
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
  EXPECT_ERROR(write_file_atomically("/dev/full", "x"), kSystem,
               "/dev/full: could not write it: No space left on device");
}

TEST(File, WithoutCommitNothingIsLeftBehind) {
  const TempFolder folder;
  const std::string path = folder.file("x", "old");
  {
    AtomicFile file(path);
    file.write("half");
    EXPECT_EQ(files_in(folder.path()), 2u);
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(files_in(folder.path()), 1u);
}

TEST(File, WriteNamesAFolderThatIsMissingOrInTheWay) {
  const TempFolder folder;
  EXPECT_ERROR(write_file_atomically(folder / "no/x", "a"), kSystem,
               folder / "no/x" + ": could not create it: No such file or directory");
  EXPECT_ERROR(write_file_atomically(folder.path(), "a"), kSystem,
               folder.path() + ": is a folder, could not write a file there");
}

TEST(File, WriteKeepsTheModeAndFollowsLinks) {
  const TempFolder folder;
  const std::string path = folder.file("x", "old");
  ::chmod(path.c_str(), 0600);
  fs::create_symlink("x", folder / "link");
  write_file_atomically(folder / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_EQ(read_file(path), "new");
  struct stat info{};
  ::stat(path.c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(OpenFile, GivesPartsWhenTheyAreWanted) {
  const TempFolder folder;
  const auto file = OpenFile::open(folder.file("f", "0123456789"));
  EXPECT_EQ(file->bytes(), 10);
  const BufferPtr part = file->later(3, 4);
  EXPECT_EQ(std::string(part->as<char>(), 4), "3456");
  std::string end(2, ' ');
  EXPECT_ERROR(file->read(9, end.data(), 2), kBadFile, folder / "f" + ": ends before 11 bytes");
  EXPECT_ERROR(file->map(9), kBadFile, folder / "f" + ": has 10 bytes, at most 9 are read");
}
TEST(OpenFile, StaysTheFileThatWasOpened) {
  const TempFolder folder;
  const auto file = OpenFile::open(folder.file("f", "old data"));
  const BufferPtr part = file->later(0, 3);
  folder.file("f", "new data");  // another file of that name
  EXPECT_EQ(std::string(part->as<char>(), 3), "old");
  const auto again = OpenFile::open(folder / "f");
  const BufferPtr late = again->later(0, 3);
  fs::resize_file(folder / "f", 5);
  EXPECT_ERROR(late->data(), kBadFile, folder / "f" + ": was changed while it was in use");
}

}  // namespace
}  // namespace suan
