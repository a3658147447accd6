// The steps of quantizing a model, and the report on its layers.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/quantize_model.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "suan/base/error.h"
#include "suan/compress/bias_correction.h"
#include "suan/compress/calibrate.h"
#include "suan/compress/gptq.h"
#include "suan/compress/inference_graph.h"
#include "suan/compress/preparation.h"
#include "suan/graph/users.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/passes/pass.h"

namespace suan::compress {
namespace {

WeightOptions weight_options(const QuantizeOptions& options) {
  const bool four = options.kind == QuantizeKind::int4w;
  WeightOptions w{.block = options.block, .zero_points = options.zero_points};
  w.dtype =
      four ? (w.zero_points ? DType::u4 : DType::i4) : (w.zero_points ? DType::u8 : DType::i8);
  w.least_error = four;
  return w;
}

// Leaves out what weights alone do not concern.
void keep_linear(const Graph& graph, QuantizationPlan& plan, bool embedding) {
  const Users users(graph);
  for (GraphLayer& layer : plan.layers) {
    if (!layer.reason.empty()) continue;
    if (!layer.linear()) {
      layer.reason = "not a linear layer";
      continue;
    }
    const auto readers = users.of(layer.node->inputs[1].node());
    const bool shared =
        std::ranges::any_of(readers, [](const NodePtr& reader) { return is(*reader, Op::gather); });
    if (shared && !embedding) layer.reason = "its weights are an embedding too";
  }
}

void expect_layers(const QuantizationPlan& plan) {
  const bool any =
      std::ranges::any_of(plan.layers, [](const GraphLayer& l) { return l.reason.empty(); });
  if (any) return;
  if (plan.layers.empty()) fail("quantize", "the model has no convolution and no product");
  fail("quantize", "none of the {} layers can be quantized; '{}': {}", plan.layers.size(),
       plan.layers[0].name, plan.layers[0].reason);
}

Graph with_integer_weights(const Graph& graph, const QuantizationPlan& plan,
                           std::span<const Batch> batches, const QuantizeOptions& options) {
  const WeightOptions w = weight_options(options);
  std::vector<GraphLayer> layers;
  for (const GraphLayer& layer : plan.layers) {
    if (layer.reason.empty()) layers.push_back(layer);
  }
  std::unordered_map<const Node*, Array> hessian;
  if (options.rounding == Rounding::gptq) {
    std::vector<Array> sums = hessians(graph, layers, batches);
    for (size_t i = 0; i < sums.size(); ++i) hessian[layers[i].node.get()] = std::move(sums[i]);
  }
  return quantize_weights_of(graph, plan, [&](const GraphLayer& layer) {
    const Array weights = weights_of(layer);
    const WeightView view = weight_view(*layer.node);
    if (options.rounding == Rounding::nearest) return quantize_weights(weights, view, w);
    return gptq(weights, view, hessian.at(layer.node.get()), w);
  });
}

std::string scheme_text(const QuantParams* params, const QuantizeOptions& options) {
  if (params) return fmt::format("{} x i8", name(params->dtype));
  const WeightOptions w = weight_options(options);
  if (w.block == 0) return fmt::format("f32 x {}", name(w.dtype));
  return fmt::format("f32 x {} in blocks of {}", name(w.dtype), w.block);
}

Range range_of(const QuantParams& params) {
  const IntegerRange integers = integer_range(params.dtype);
  return {(integers.low - params.zero) * params.scale,
          (integers.high - params.zero) * params.scale};
}

// With the integers of each layer.
std::vector<LayerReport> report(const QuantizationPlan& plan,
                                const std::vector<QuantParams>& params,
                                const std::vector<LayerError>& errors,
                                const QuantizeOptions& options) {
  std::vector<LayerReport> layers = layer_reports(plan, errors);
  for (size_t i = 0; i < layers.size(); ++i) {
    const GraphLayer& layer = plan.layers[i];
    if (!layer.reason.empty()) continue;
    const QuantParams* input = params.empty() ? nullptr : &params[plan.input_group(layer)];
    layers[i].scheme = scheme_text(input, options);
    if (input) layers[i].range = range_of(*input);
  }
  return layers;
}

}  // namespace

std::span<const std::string_view> enum_names(QuantizeKind /*kind*/) {
  static constexpr std::array<std::string_view, 3> kNames{"int8", "int8w", "int4w"};
  return kNames;
}
std::span<const std::string_view> enum_names(Rounding /*rounding*/) {
  static constexpr std::array<std::string_view, 2> kNames{"nearest", "gptq"};
  return kNames;
}

QuantizedModel quantize_model(const Graph& graph, std::span<const Batch> batches,
                              const QuantizeOptions& options) {
  QuantizedModel model;
  model.original = inference_graph(graph).graph;
  const Graph start =
      prepared(model.original,
               uniform_preparation(model.original, batches, options.equalize, options.smooth));
  QuantizationPlan plan = plan_quantization(start, options.skip);
  std::vector<QuantParams> params;
  if (options.kind == QuantizeKind::int8) {
    expect_layers(plan);
    params = calibrate(start, plan, batches, options.scheme, options.calibration);
    warn_of_few(batches);
    model.graph = quantize_graph(start, plan, params);
  } else {
    keep_linear(start, plan, options.embedding);
    expect_layers(plan);
    model.graph = with_integer_weights(start, plan, batches, options);
  }
  if (options.bias_correction) {
    model.graph = correct_biases(model.graph, bias_corrections(start, model.graph, batches));
  }
  verify(model.graph);
  constexpr size_t kMeasured = 4;  // batches
  const auto few = batches.first(std::min(kMeasured, batches.size()));
  model.layers = report(plan, params, layer_errors(start, model.graph, few), options);
  model.graph = join_scales(model.graph);
  return model;
}

std::vector<LayerReport> layer_reports(const QuantizationPlan& plan,
                                       const std::vector<LayerError>& errors) {
  std::vector<LayerReport> layers;
  for (const GraphLayer& layer : plan.layers) {
    LayerReport r{.name = layer.name, .op = layer.node->op->name, .scheme = "f32"};
    r.macs = layer.macs;
    r.reason = layer.reason;
    const auto error = std::ranges::find(errors, layer.name, &LayerError::layer);
    if (error != errors.end()) {
      r.own = error->own;
      r.whole = error->whole;
    }
    layers.push_back(std::move(r));
  }
  return layers;
}

std::string to_text(std::span<const LayerReport> layers) {
  std::vector<const LayerReport*> order;
  for (const LayerReport& layer : layers) order.push_back(&layer);
  std::ranges::stable_sort(order, [](const LayerReport* a, const LayerReport* b) {
    if (a->reason.empty() != b->reason.empty()) return a->reason.empty();
    return a->own < b->own;
  });
  std::string text = fmt::format("{:<32} {:<10} {:<24} {:>8} {:>8} {:>10}\n", "layer", "op",
                                 "integers", "own dB", "whole dB", "MMAC");
  for (const LayerReport* l : order) {
    text += fmt::format("{:<32} {:<10} {:<24} {:>8.1f} {:>8.1f} {:>10.2f}{}\n", l->name, l->op,
                        l->scheme, l->own, l->whole, l->macs * 1e-6,
                        l->reason.empty() ? "" : "  " + l->reason);
  }
  return text;
}

}  // namespace suan::compress
