// Quantization-aware training: a model whose weights and activations are rounded to integers in the
// forward pass, with gradients as if they were only clipped. Jacob et al., "Quantization and
// training of neural networks for efficient integer-arithmetic-only inference", CVPR 2018.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/graph_model.h"
#include "suan/compress/quantize_graph.h"
#include "suan/compress/run_batches.h"

namespace suan::compress {

struct QatOptions {
  CalibrationOptions calibration;
  Scheme scheme = kCpuScheme;
  std::vector<std::string> skip;
};

// The model with batch norm folded and the plan of compress/plan.h: scales of weights follow the
// weights at every step, those of activations come from the batches and stay. inference_graph makes
// of an evaluation of it a graph with integer weights that computes the same.
std::unique_ptr<models::Model> quantized_for_training(std::unique_ptr<models::Model> model,
                                                      std::span<const Batch> batches,
                                                      const QatOptions& options);
// The same without data, for a checkpoint that has tensors of these names and shapes.
std::unique_ptr<models::Model> quantized_for_training(std::unique_ptr<models::Model> model,
                                                      const std::map<std::string, Shape>& saved,
                                                      const QatOptions& options);

}  // namespace suan::compress
