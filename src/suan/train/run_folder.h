// The folder of one training: config.toml, metrics.jsonl, kernels.txt, TensorBoard events,
// checkpoints/.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdio>
#include <memory>
#include <string>

#include "suan/formats/json_line.h"
#include "suan/train/recipe.h"

namespace suan::train {

class RunFolder {
 public:
  RunFolder() = default;  // none yet
  // Makes `runs`/<name>-<n> with the smallest n that is free, and writes the recipe there.
  static RunFolder create(const std::string& runs, const Recipe& recipe);
  // An existing one: a path, or a name in `runs`. Throws Error(kBadFile) when it is none.
  static RunFolder open(const std::string& path, const std::string& runs = "runs");

  const std::string& path() const { return path_; }
  std::string last() const { return path_ + "/checkpoints/last.safetensors"; }
  std::string best() const { return path_ + "/checkpoints/best.safetensors"; }
  // The weights that the run is used with: the best where the recipe has data to tell by, else the
  // last.
  std::string weights() const;
  std::string metrics() const { return path_ + "/metrics.jsonl"; }
  Recipe recipe(const std::vector<std::string>& settings = {}) const;
  void write_recipe(const Recipe& recipe) const;
  // kernels.txt, the record of kernel choices: written where it has changed; the choices in it, if
  // any, are made from now on in this process.
  void save_kernels() const;
  void use_kernels() const;
  // Removes what writes that were killed have left beside the checkpoints.
  void remove_parts() const;

 private:
  explicit RunFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// metrics.jsonl: one line of JSON for every logged step, evaluation and epoch.
class MetricsFile {
 public:
  // Keeps the first `lines` lines of the file and drops the rest. Throws Error(kSystem).
  MetricsFile(std::string path, int64_t lines);
  void add(const formats::JsonFields& fields);  // throws Error(kSystem) when the disk is full
  int64_t lines() const { return lines_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
  int64_t lines_;
};

}  // namespace suan::train
