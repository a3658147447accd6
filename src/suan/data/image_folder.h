// A folder of images, one sub-folder for each class, or the same inside a .tar.zst file. An image
// is decoded once and then kept in memory. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "suan/data/dataset.h"

namespace suan::data {

struct ImageFolderOptions {
  int64_t height = 0, width = 0;     // images are scaled to this; 0: the size all images must have
  int64_t channels = 3;              // 1 or 3
  std::vector<std::string> classes;  // names in label order; empty: the folders' names, sorted
  size_t cache_bytes = size_t{2} << 30;  // decoded images kept in memory, first ones first
};

// The .jpg, .jpeg and .png files of `path`/`split`/<class>/, sorted by class and name; `path` is a
// folder or a .tar.zst (or .tar) file, which is read into memory. Without given classes, a split
// other than "train" takes them from "train" where there is one, so that labels agree.
class ImageFolder : public Dataset {
 public:
  ImageFolder(const std::string& path, const std::string& split = "",
              ImageFolderOptions options = {});

  int64_t size() const override { return static_cast<int64_t>(files_.size()); }
  SampleSpec spec() const override;
  void read(int64_t index, Random& random, void* x, void* y) const override;
  const std::vector<std::string>& classes() const override { return options_.classes; }

 private:
  struct File {
    std::string path;                // for messages, and to read it from disk
    std::span<const uint8_t> bytes;  // inside the archive, else empty
    int64_t label = 0;
  };
  void scan_folder(const std::string& path, const std::string& split);
  void scan_archive(const std::string& path, const std::string& split);
  void add(const std::string& class_name, const std::string& path, std::span<const uint8_t> bytes);
  void number_classes(const std::string& path);
  void decode(const File& file, uint8_t* out) const;

  ImageFolderOptions options_;
  bool fixed_size_ = false;  // scale what is not of that size
  std::string archive_;
  std::vector<std::string> found_classes_;
  std::vector<std::pair<std::string, File>> found_;
  std::vector<File> files_;
  Array cache_;
  int64_t cached_ = 0;  // samples that fit the cache
  enum State : uint8_t { kEmpty, kFilling, kReady };
  std::unique_ptr<std::atomic<uint8_t>[]> states_;
};

}  // namespace suan::data
