// Calibration: the ranges that real inputs ask for, as scales and zero points of a plan's values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/plan.h"
#include "suan/compress/run_batches.h"
#include "suan/compress/scheme.h"

namespace suan::compress {

// What the sources of each group hold over the batches, summed up in params. Calibrator `best`
// takes for each group the one with which the layers that read it lose least, each measured alone
// on a few batches. Throws as observe.
std::vector<QuantParams> calibrate(const Graph& graph, const QuantizationPlan& plan,
                                   std::span<const Batch> batches, const Scheme& scheme,
                                   const CalibrationOptions& options);

}  // namespace suan::compress
