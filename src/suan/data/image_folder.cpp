// Finding the files, decoding them, and the cache of decoded pixels.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/image_folder.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/data/internal/image_ops.h"
#include "suan/formats/compression.h"
#include "suan/formats/image.h"
#include "suan/formats/tar.h"

namespace suan::data {
namespace {

namespace fs = std::filesystem;
constexpr size_t kMaxArchive = size_t{16} << 30, kMaxFile = size_t{64} << 20;

bool is_image(const std::string& path) {
  std::string extension = fs::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), ::tolower);
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

std::vector<std::string> sub_folders(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  fs::directory_iterator entries(path, error);
  if (error) fail(ErrorCode::kBadFile, path, "could not read the folder: {}", error.message());
  for (const fs::directory_entry& entry : entries) {
    if (entry.is_directory()) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

ImageFolder::ImageFolder(const std::string& path, const std::string& split,
                         ImageFolderOptions options)
    : options_(std::move(options)) {
  if (options_.channels != 1 && options_.channels != 3) {
    fail(path, "images have 1 or 3 channels, got {}", options_.channels);
  }
  fixed_size_ = options_.height > 0 && options_.width > 0;
  if (path.ends_with(".tar.zst") || path.ends_with(".tar")) {
    scan_archive(path, split);
  } else {
    scan_folder(path, split);
  }
  number_classes(path);
  if (!fixed_size_) {
    const File& first = files_.front();
    const Array image = first.bytes.empty() ? formats::read_image(first.path)
                                            : formats::decode_image(first.bytes, first.path);
    options_.height = image.shape[0];
    options_.width = image.shape[1];
  }
  const auto sample = static_cast<size_t>(options_.height * options_.width * options_.channels);
  cached_ = std::min(size(), static_cast<int64_t>(options_.cache_bytes / sample));
  cache_ = Array(DType::u8, {cached_, static_cast<int64_t>(sample)});
  states_ = std::make_unique<std::atomic<uint8_t>[]>(static_cast<size_t>(cached_));
}

void ImageFolder::scan_folder(const std::string& path, const std::string& split) {
  const std::string root = split.empty() ? path : path + "/" + split;
  std::error_code ignored;
  const bool has_train = !split.empty() && fs::is_directory(path + "/train", ignored);
  found_classes_ = sub_folders(has_train ? path + "/train" : root);
  for (const std::string& name : sub_folders(root)) {
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(root) / name)) {
      if (entry.is_regular_file()) add(name, entry.path().string(), {});
    }
  }
}

void ImageFolder::scan_archive(const std::string& path, const std::string& split) {
  archive_ = read_file(path, kMaxArchive);
  if (path.ends_with(".zst")) archive_ = formats::unzstd(bytes_of(archive_), path, kMaxArchive);
  std::set<std::string> classes, train_classes;
  for (const formats::TarEntry& entry : formats::tar_entries(bytes_of(archive_), path)) {
    fs::path name(entry.name);
    if (entry.name.starts_with("./")) name = entry.name.substr(2);
    std::vector<std::string> parts;
    for (const fs::path& part : name) parts.push_back(part.string());
    if (parts.size() != (split.empty() ? 2u : 3u)) continue;
    const std::string& class_name = parts[parts.size() - 2];
    if (!split.empty() && parts[0] == "train") train_classes.insert(class_name);
    if (!split.empty() && parts[0] != split) continue;
    classes.insert(class_name);
    add(class_name, path + ":" + entry.name, entry.data);
  }
  const std::set<std::string>& chosen = train_classes.empty() ? classes : train_classes;
  found_classes_.assign(chosen.begin(), chosen.end());
}

void ImageFolder::add(const std::string& class_name, const std::string& path,
                      std::span<const uint8_t> bytes) {
  if (is_image(path)) found_.emplace_back(class_name, File{path, bytes});
}

void ImageFolder::number_classes(const std::string& path) {
  if (options_.classes.empty()) options_.classes = std::move(found_classes_);
  std::sort(found_.begin(), found_.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.second.path) < std::tie(b.first, b.second.path);
  });
  for (auto& [name, file] : found_) {
    const auto& names = options_.classes;
    file.label = std::find(names.begin(), names.end(), name) - names.begin();
    if (file.label == static_cast<int64_t>(names.size())) {
      fail(ErrorCode::kBadFile, file.path, "is in the folder '{}', which is no known class", name);
    }
    files_.push_back(std::move(file));
  }
  found_.clear();
  found_.shrink_to_fit();
  if (files_.empty()) {
    fail(ErrorCode::kBadFile, path, "holds no .jpg or .png files in class folders");
  }
}

SampleSpec ImageFolder::spec() const {
  return {.x_dtype = DType::u8,
          .x_shape = {options_.height, options_.width, options_.channels},
          .image = true,
          .classes = static_cast<int64_t>(options_.classes.size())};
}

void ImageFolder::decode(const File& file, uint8_t* out) const {
  std::string from_disk;
  std::span<const uint8_t> bytes = file.bytes;
  if (bytes.empty()) {
    from_disk = read_file(file.path, kMaxFile);
    bytes = bytes_of(from_disk);
  }
  const formats::ImageSize size{options_.height, options_.width, options_.channels};
  if (!fixed_size_) return formats::decode_image_into(bytes, file.path, size, out);
  const Array image =
      formats::decode_image(bytes, file.path, {.channels = static_cast<int>(options_.channels)});
  resize(image, size.height, size.width, out);
}

void ImageFolder::read(int64_t index, Random&, void* x, void* y) const {
  const File& file = files_[static_cast<size_t>(index)];
  std::memcpy(y, &file.label, sizeof file.label);
  auto* out = static_cast<uint8_t*>(x);
  if (index >= cached_) return decode(file, out);
  const auto bytes = static_cast<size_t>(cache_.shape[1]);
  uint8_t* kept = cache_.as<uint8_t>() + static_cast<size_t>(index) * bytes;
  std::atomic<uint8_t>& state = states_[static_cast<size_t>(index)];
  if (state.load(std::memory_order_acquire) == kReady) {
    std::memcpy(out, kept, bytes);
    return;
  }
  decode(file, out);
  uint8_t empty = kEmpty;
  if (state.compare_exchange_strong(empty, kFilling, std::memory_order_relaxed)) {
    std::memcpy(kept, out, bytes);
    state.store(kReady, std::memory_order_release);
  }
}

}  // namespace suan::data
