// The ONNX project's test folders: test_*/model.onnx with test_data_set_N/{input,output}_i.pb.
// https://github.com/onnx/onnx/blob/main/docs/OnnxBackendTest.md
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "suan/formats/onnx/model.h"

namespace suan::onnx {

struct ConformanceOptions {
  bool unfused = false;    // compare with a run without optional passes, not with what is expected
  double relative = 1e-3;  // the suite's own tolerances
  double absolute = 1e-7;
};

// The folders with a model and data at or beneath this one, sorted. Throws Error where there are
// none.
std::vector<std::filesystem::path> find_conformance_tests(const std::filesystem::path& root);
// What runs a model: gives its outputs for arguments.
using Runner = std::function<std::vector<Value>(const std::vector<Value>&)>;
using MakeRunner = std::function<Runner(const std::shared_ptr<const Model>&)>;
// Runs one; empty: passed, else the reason.
std::string run_conformance_test(const std::filesystem::path& folder, const MakeRunner& make_runner,
                                 const ConformanceOptions& options = {});

}  // namespace suan::onnx
