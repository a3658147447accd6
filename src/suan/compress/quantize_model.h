// Post-training quantization of a model in one call, with a report.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/compress/layer_errors.h"
#include "suan/compress/quantize_graph.h"

namespace suan::compress {

enum class QuantizeKind : uint8_t {
  int8,   // weights and activations
  int8w,  // weights of linear layers
  int4w,
};
std::span<const std::string_view> enum_names(QuantizeKind kind);
enum class Rounding : uint8_t { nearest, gptq };
std::span<const std::string_view> enum_names(Rounding rounding);

struct QuantizeOptions {
  QuantizeKind kind = QuantizeKind::int8;
  std::vector<std::string> skip;  // layers by name
  // int8
  CalibrationOptions calibration;
  Scheme scheme = kCpuScheme;
  // any
  bool equalize = false;         // compress/equalize.h
  double smooth = 0;             // alpha of compress/smooth.h; 0: none
  bool bias_correction = false;  // compress/bias_correction.h
  // int8w, int4w
  int64_t block = 128;       // positions along k with a scale of their own; 0: all
  bool zero_points = false;  // u8 and u4 with a zero point for each block
  Rounding rounding = Rounding::nearest;
  bool embedding = false;  // weights that a gather reads too: a tied output head
};

struct LayerReport {
  std::string name;
  std::string_view op;
  std::string scheme;         // "u8 x i8", "f32 x i4 in blocks of 64"; "f32" where it is left out
  Range range;                // of the input, where it has integers
  double own = 0, whole = 0;  // signal to noise in dB (compress/layer_errors.h)
  double macs = 0;
  std::string reason;  // why it is left out
};

struct QuantizedModel {
  Graph original;  // before quantization, after its passes
  Graph graph;
  std::vector<LayerReport> layers;
};

// `graph` is an evaluation as traced, or an imported model; `batches` are inputs to calibrate with.
// Throws Error for data that does not fit (compress/run_batches.h), for unknown names in `skip`,
// and where no layer is left to quantize.
QuantizedModel quantize_model(const Graph& graph, std::span<const Batch> batches,
                              const QuantizeOptions& options = {});

// A row for each layer of the plan, with the errors that have its name.
std::vector<LayerReport> layer_reports(const QuantizationPlan& plan,
                                       const std::vector<LayerError>& errors);
// A table for people: layers that lose most first.
std::string to_text(std::span<const LayerReport> layers);

}  // namespace suan::compress
