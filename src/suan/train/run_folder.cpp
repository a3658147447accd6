// Run folders.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/run_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/program/choice.h"
#include "suan/train/task.h"

namespace suan::train {
namespace {

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail(ErrorCode::kSystem, path, "cannot make the folder: {}", error.message());
}

}  // namespace

RunFolder RunFolder::create(const std::string& runs, const Recipe& recipe) {
  make_folder(runs);
  for (int64_t n = 1;; ++n) {
    const std::string path = fmt::format("{}/{}-{}", runs, recipe.name, n);
    std::error_code error;
    const bool made = std::filesystem::create_directory(path, error);
    if (error && !std::filesystem::exists(path)) {
      fail(ErrorCode::kSystem, path, "cannot make the folder: {}", error.message());
    }
    if (!made) continue;
    RunFolder folder(path);
    make_folder(path + "/checkpoints");
    folder.write_recipe(recipe);
    return folder;
  }
}

RunFolder RunFolder::open(const std::string& path, const std::string& runs) {
  for (const std::string& candidate : {path, runs + "/" + path}) {
    if (std::filesystem::is_regular_file(candidate + "/config.toml")) {
      std::string trimmed = candidate;
      while (trimmed.size() > 1 && trimmed.back() == '/') trimmed.pop_back();
      return RunFolder(trimmed);
    }
  }
  fail(ErrorCode::kBadFile, path, "is not the folder of a run: there is no {}/config.toml", path);
}

Recipe RunFolder::recipe(const std::vector<std::string>& settings) const {
  return load_recipe(path_ + "/config.toml", settings);
}

std::string RunFolder::weights() const {
  return has_validation(recipe()) && std::filesystem::exists(best()) ? best() : last();
}

void RunFolder::write_recipe(const Recipe& recipe) const {
  write_file_atomically(path_ + "/config.toml", to_toml(recipe));
}

void RunFolder::remove_parts() const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(path_ + "/checkpoints", ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find(".safetensors.part-") == std::string::npos) continue;
    std::filesystem::remove(entry.path(), ignored);
  }
}

void RunFolder::save_kernels() const {
  const std::string path = path_ + "/kernels.txt", record = kernel_record();
  if (std::filesystem::exists(path) ? read_file(path) == record : record.empty()) return;
  write_file_atomically(path, record);
}

void RunFolder::use_kernels() const {
  const std::string path = path_ + "/kernels.txt";
  if (std::filesystem::exists(path)) load_kernel_record(read_file(path), path);
}

MetricsFile::MetricsFile(std::string path, int64_t lines) : path_(std::move(path)), lines_(lines) {
  std::string kept;
  if (lines > 0) {
    kept = read_file(path_);
    size_t end = 0;
    for (int64_t i = 0; i < lines && end != std::string::npos; ++i) {
      end = kept.find('\n', end);
      if (end != std::string::npos) ++end;
    }
    if (end == std::string::npos) {
      fail(ErrorCode::kBadFile, path_, "has fewer than the {} lines of the checkpoint", lines);
    }
    kept.resize(end);
  }
  write_file_atomically(path_, kept);
  file_.reset(std::fopen(path_.c_str(), "ae"));
  if (!file_) fail(ErrorCode::kSystem, path_, "could not open it: {}", std::strerror(errno));
}

void MetricsFile::add(const formats::JsonFields& fields) {
  const std::string line = formats::json_line(fields) + "\n";
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() &&
                       std::fflush(file_.get()) == 0;
  if (!written) fail(ErrorCode::kSystem, path_, "could not write it: {}", std::strerror(errno));
  ++lines_;
}

}  // namespace suan::train
