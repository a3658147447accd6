// A plan for some layers takes its scales from the plan for all of them.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/precisions.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "suan/backend/evaluate.h"
#include "suan/base/error.h"
#include "suan/compress/calibrate.h"
#include "suan/compress/inference_graph.h"
#include "suan/ops/conv.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"
#include "suan/ops/quantize.h"
#include "suan/passes/precision.h"

namespace suan::compress {
namespace {

using P = LayerPrecision;
using Value = std::pair<const Node*, int>;

// For each group of `part` the parameters of the group of `whole` that has its values.
std::vector<QuantParams> params_of(const QuantizationPlan& part, const QuantizationPlan& whole,
                                   const std::vector<QuantParams>& params) {
  std::map<Value, size_t> group_of;
  for (size_t g = 0; g < whole.groups.size(); ++g) {
    for (const Tensor& t : whole.groups[g].sources) group_of[{&t.node(), t.output()}] = g;
  }
  std::vector<QuantParams> out;
  for (const ValueGroup& group : part.groups) {
    const Tensor& t = group.sources.at(0);
    out.push_back(params[group_of.at({&t.node(), t.output()})]);
  }
  return out;
}

Tensor exact(const Node& node, const std::vector<Tensor>& inputs) {
  if (is(node, Op::conv)) {
    ConvAttrs attrs = node.attr<ConvAttrs>();
    attrs.exact = true;
    return {make_node(*node.op, inputs, attrs), 0};
  }
  MatmulAttrs attrs = node.attr<MatmulAttrs>();
  attrs.exact = true;
  return {make_node(*node.op, inputs, attrs), 0};
}

// Weights as they are computed with, so that they are stored so too.
Graph with_small_constants(const Graph& graph) {
  return rewrite(graph, [](const NodePtr& node, const std::vector<Tensor>& inputs) {
    const bool rounds = is(*node, Op::cast) && node->types[0].dtype == DType::bf16 &&
                        is(inputs[0].node(), Op::constant);
    if (!rounds) return std::vector<Tensor>();
    return std::vector{Tensor::from(evaluate(cast(inputs[0], DType::bf16), cpu_backend()))};
  });
}

// The graph in bf16 but for these layers.
Graph lowered(const Graph& graph, const std::set<std::string>& kept) {
  std::unordered_set<const Node*> nodes;
  for (const auto& [name, node] : layers_by_name(graph)) {
    if (kept.contains(name)) nodes.insert(node.get());
  }
  const Graph marked = rewrite(graph, [&](const NodePtr& node, const std::vector<Tensor>& inputs) {
    if (!nodes.contains(node.get())) return std::vector<Tensor>();
    return std::vector<Tensor>{exact(*node, inputs)};
  });
  return with_small_constants(lower_precision(marked, Arithmetic::bf16));
}

}  // namespace

Precisions::Precisions(std::function<Graph(int64_t batch)> trace, std::vector<Batch> calibration,
                       const CalibrationOptions& options)
    : trace_(std::move(trace)), calibration_(std::move(calibration)) {
  if (calibration_.empty()) fail("compress", "there are no samples to calibrate with");
  calibrate_all(options);
  if (layers_.empty()) {
    fail("compress",
         "the model has no convolution and no product, so there is nothing to compress");
  }
}

void Precisions::calibrate_all(const CalibrationOptions& options) {
  const int64_t batch = calibration_[0].at(0).shape[0];
  Form& all = form(batch);
  const bool any = std::ranges::any_of(
      all.plan.layers, [](const GraphLayer& layer) { return layer.reason.empty(); });
  if (!any) {
    report_ = layer_reports(all.plan, {});
    list_layers(all.plan);
    return;
  }
  preparation_ = best_preparation(all.original, calibration_, kCpuScheme, options);
  prepare(all);
  warn_of_few(calibration_);
  params_ = calibrate(all.prepared, all.plan, calibration_, kCpuScheme, options);
  Graph quantized = quantize_graph(all.prepared, all.plan, params_);
  const auto few = std::span(calibration_).first(std::min<size_t>(2, calibration_.size()));
  corrections_ = bias_corrections(all.prepared, quantized, calibration_);
  const Graph corrected = correct_biases(quantized, corrections_);
  const double gain =
      output_error(all.prepared, corrected, few) - output_error(all.prepared, quantized, few);
  if (gain >= kLeastGain) {
    quantized = corrected;
  } else {
    corrections_.clear();
  }
  report_ = layer_reports(all.plan, layer_errors(all.prepared, quantized, few));
  list_layers(all.plan);
}

// Layers by the weights that they share.
void Precisions::list_layers(const QuantizationPlan& plan) {
  double macs = 0;
  std::unordered_map<const Node*, size_t> index;  // of layers_, by the weights
  for (const GraphLayer& layer : plan.layers) macs += layer.macs;
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const GraphLayer& layer = plan.layers[i];
    if (is(*layer.node, Op::attention) || is(*layer.node, Op::conv_transpose)) continue;
    const double noise = layer.reason.empty() ? std::pow(10, -report_[i].own / 10) : 0;
    const double share = layer.macs / std::max(macs, 1.0);
    const auto [known, fresh] = index.try_emplace(&layer.node->inputs[1].node(), layers_.size());
    if (fresh) {
      layers_.push_back({layer.name, share, noise, layer.reason});
      members_.emplace_back();
    } else {
      SearchLayer& all = layers_[known->second];
      all.share += share;
      all.noise = std::max(all.noise, noise);
      if (all.int8_refused.empty()) all.int8_refused = layer.reason;
    }
    members_[known->second].push_back(layer.name);
  }
}

void Precisions::prepare(Form& form) const {
  form.prepared = compress::prepared(form.original, preparation_);
  form.plan = plan_quantization(form.prepared);
}

Precisions::Form& Precisions::form(int64_t batch) const {
  constexpr size_t kMost = 4;  // that a search goes back and forth between
  const auto found = forms_.find(batch);
  if (found != forms_.end()) return found->second;
  if (forms_.size() >= kMost) forms_.clear();
  Form made;
  made.original = inference_graph(trace_(batch)).graph;
  prepare(made);
  return forms_[batch] = std::move(made);
}

Graph Precisions::original(int64_t batch) const { return form(batch).original; }

Graph Precisions::build(const Assignment& assignment, int64_t batch) const {
  const Form& whole = form(batch);
  std::vector<std::string> skip;
  std::set<std::string> kept;
  bool int8 = false, bf16 = false;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const P p = assignment.at(i);
    for (const std::string& name : members_[i]) {
      if (p != P::int8) skip.push_back(name);
      if (p == P::f32) kept.insert(name);
    }
    int8 = int8 || p == P::int8;
    bf16 = bf16 || p == P::bf16;
  }
  Graph out = whole.original;
  if (int8) {
    const QuantizationPlan part = plan_quantization(whole.prepared, skip);
    out = quantize_graph(whole.prepared, part, params_of(part, whole.plan, params_));
    out = join_scales(correct_biases(out, corrections_));
  }
  return bf16 ? lowered(out, kept) : out;
}

Graph Precisions::build_with_weights(const QuantizeOptions& options, int64_t batch) {
  if (integer_weights_.empty()) {
    const Graph traced = trace_(calibration_[0].at(0).shape[0]);
    const QuantizedModel model = quantize_model(traced, calibration_, options);
    report_ = model.layers;
    for (const auto& [name, node] : layers_by_name(model.graph)) {
      const bool integers = node->inputs.size() > 1 && is(node->inputs[1].node(), Op::dequantize);
      if (integers) integer_weights_[name] = node->inputs[1];
    }
  }
  const Graph graph = original(batch);
  ValueMap weights;
  for (const auto& [name, node] : layers_by_name(graph)) {
    const auto found = integer_weights_.find(name);
    if (found != integer_weights_.end()) weights.set(node->inputs[1], found->second);
  }
  return with_values(graph, weights);
}

}  // namespace suan::compress
