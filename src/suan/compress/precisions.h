// Precisions: the graphs of one model with any precision for each of its layers, calibrated once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <map>

#include "suan/compress/bias_correction.h"
#include "suan/compress/preparation.h"
#include "suan/compress/quantize_model.h"
#include "suan/compress/search.h"

namespace suan::compress {

class Precisions {
 public:
  // `trace` gives the evaluation graph for a batch size, of one structure for all sizes;
  // `calibration` are inputs, all of one batch size. Layers in int8 are prepared
  // (best_preparation), and their biases corrected where that helps. Throws as quantize_model does.
  Precisions(std::function<Graph(int64_t batch)> trace, std::vector<Batch> calibration,
             const CalibrationOptions& options = {});

  // With the noise that int8 makes in each. Layers that share their weights (the steps of a
  // recurrent one, the views of an image) are one.
  const std::vector<SearchLayer>& layers() const { return layers_; }
  // Signal to noise of each layer and why some stay as they are, for people.
  const std::vector<LayerReport>& report() const { return report_; }

  Graph original(int64_t batch) const;
  // Layers in bf16 make all that follows their data bf16 too (passes/precision.h).
  Graph build(const Assignment& assignment, int64_t batch) const;
  // Linear layers whose weights alone are integers (kind int8w or int4w).
  Graph build_with_weights(const QuantizeOptions& options, int64_t batch);

 private:
  struct Form {
    Graph original, prepared;
    QuantizationPlan plan;  // of the prepared one
  };
  Form& form(int64_t batch) const;
  void prepare(Form& form) const;
  void calibrate_all(const CalibrationOptions& options);
  void list_layers(const QuantizationPlan& plan);

  std::function<Graph(int64_t batch)> trace_;
  std::vector<Batch> calibration_;
  std::map<std::string, Tensor> integer_weights_;  // of layers, once they are quantized
  mutable std::map<int64_t, Form> forms_;          // by batch size, the last few
  Preparation preparation_;
  BiasCorrections corrections_;
  std::vector<QuantParams> params_;  // of the groups of the plan in which all layers are int8
  std::vector<SearchLayer> layers_;
  std::vector<std::vector<std::string>> members_;  // of each: names in the plan
  std::vector<LayerReport> report_;
};

}  // namespace suan::compress
