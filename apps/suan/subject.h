// What `suan compress` compresses: a run with its own data, or a model with the data of a recipe.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "suan/compress/compressor.h"

namespace suan::app {

struct SubjectOptions {
  std::string model;  // a run, or a path that ends in .onnx
  // A recipe whose data is taken, or of a model a file (.npz, .safetensors) with an array of
  // samples for each input, and perhaps classes as `labels`; empty: the run's own.
  std::string data;
  std::vector<std::string> settings;
  std::string checkpoint, runs;
  int64_t samples = 512;     // to calibrate with, of the training set
  int64_t examples = 10000;  // to judge by, at most, half for the search, half held out
};

// The subject keeps all it needs alive. Throws Error for a model whose input does not fit the data.
compress::Subject open_subject(const SubjectOptions& options);

}  // namespace suan::app
