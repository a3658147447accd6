// The stages from a trained run to a file that is deployed, each measured on the same held-out
// data.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "suan/train/report.h"

namespace suan::app {

// Trained (as f32 ONNX), compressed within a promise of `max_drop` points, and that compiled into
// an engine file: model.onnx, compressed.onnx and compressed.suan in the run's folder. Throws Error
// for a model that has no labels to judge by.
std::vector<train::ReportStage> deploy(const std::string& run, double max_drop,
                                       const std::atomic<bool>* stop);

}  // namespace suan::app
