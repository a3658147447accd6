// Fake quantization in a GraphModel. What a value is quantized to is in the name of its scale:
// "quantized.activation.3.u8.scale".
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/qat.h"

#include <algorithm>

#include "suan/base/error.h"
#include "suan/compress/calibrate.h"
#include "suan/graph/state.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/quantize.h"
#include "suan/ops/reduce.h"
#include "suan/ops/shape_ops.h"

namespace suan::compress {
namespace {

std::string activation_name(size_t group, DType dtype, const char* what) {
  return fmt::format("activation.{}.{}.{}", group, name(dtype), what);
}

// "activation.3.u8.zero" and so on: its dtype; nothing for other states.
std::optional<DType> activation_dtype(const std::string& state) {
  if (!state.starts_with("activation.")) return std::nullopt;
  const size_t last = state.rfind('.');
  const size_t before = state.rfind('.', last - 1);
  return parse_dtype(std::string_view(state).substr(before + 1, last - before - 1));
}

// Integers of [-127, 127] by the largest weight of each output channel.
Tensor fake_quantized_weights(const GraphLayer& layer, const Tensor& w) {
  const WeightView view = weight_view(*layer.node);
  std::vector<int64_t> axes;
  for (int i = 0; i < w.rank(); ++i) {
    const bool channels = view.inner_axis == 0 ? i == 1 : i == 0;
    if (!channels) axes.push_back(i);
  }
  constexpr double kSteps = 127, kLeast = 1e-30;  // a channel of zeros stays one
  const bool keep = view.inner_axis != 0;
  const Tensor largest = max(abs(stop_gradient(w)), axes, keep);
  return fake_quantize(w, maximum(largest, kLeast) / kSteps, {});
}

Tensor fake_quantized(const GraphModel& model, const Tensor& x, size_t group) {
  for (const DType dtype : {DType::u8, DType::i8}) {
    const StatePtr* scale = model.find_state(activation_name(group, dtype, "scale"));
    if (!scale) continue;
    const StatePtr* zero = model.find_state(activation_name(group, dtype, "zero"));
    return fake_quantize(x, make_state_leaf(*scale), zero ? make_state_leaf(*zero) : Tensor(),
                         {.dtype = dtype});
  }
  fail("quantize", "the checkpoint has no scale for value {}", group);
}

// `model` outlives what it keeps.
void train_quantized(GraphModel& model, const std::vector<std::string>& skip) {
  model.set_rebuild([&model, skip](const Graph& graph, const auto& state_of) {
    return apply_plan(
        graph, plan_quantization(graph, skip),
        [&](const Tensor& value, size_t group) { return fake_quantized(model, value, group); },
        [&](const GraphLayer& layer, const Tensor& w) {
          return fake_quantized_weights(layer, state_of(w));
        });
  });
}

void add_activation(GraphModel& model, size_t group, const QuantParams& params) {
  const auto scalar = [](const auto& value) { return Array::of(std::span(&value, 1), Shape{}); };
  model.add_state(activation_name(group, params.dtype, "scale"), scalar(params.scale), false);
  if (!params.has_zero) return;
  const auto zero = static_cast<uint8_t>(params.zero);
  model.add_state(activation_name(group, params.dtype, "zero"), scalar(zero), false);
}

}  // namespace

std::unique_ptr<models::Model> quantized_for_training(std::unique_ptr<models::Model> model,
                                                      std::span<const Batch> batches,
                                                      const QatOptions& options) {
  if (batches.empty()) fail("calibration", "there is no data, expected at least one batch");
  auto trained = std::make_unique<GraphModel>(std::move(model));
  std::vector<Type> types;
  for (const Array& array : batches[0]) types.emplace_back(array.dtype, array.shape);
  const InferenceGraph g = trained->original_graph(types);
  for (const auto& [node, name] : trained->weights_of(g)) {
    const Array value(DType::f32, node->types[0].shape, node->values[0]);
    trained->add_state(name, Array::of(std::span<const float>(value.span<float>()), value.shape),
                       true);
  }
  warn_of_few(batches);
  const QuantizationPlan plan = plan_quantization(g.graph, options.skip);
  const std::vector<QuantParams> params =
      calibrate(g.graph, plan, batches, options.scheme, options.calibration);
  for (size_t i = 0; i < params.size(); ++i) add_activation(*trained, i, params[i]);
  train_quantized(*trained, options.skip);
  return trained;
}

std::unique_ptr<models::Model> quantized_for_training(std::unique_ptr<models::Model> model,
                                                      const std::map<std::string, Shape>& saved,
                                                      const QatOptions& options) {
  auto trained = std::make_unique<GraphModel>(std::move(model));
  for (const auto& [full, shape] : saved) {
    if (!full.starts_with(GraphModel::kPrefix)) continue;
    const std::string name = full.substr(GraphModel::kPrefix.size());
    const auto dtype = activation_dtype(name);
    const bool zero = dtype && name.ends_with(".zero");
    Array value(zero ? *dtype : DType::f32, shape);
    std::fill_n(value.as<char>(), value.bytes(), char{0});
    trained->add_state(name, std::move(value), !dtype);
  }
  train_quantized(*trained, options.skip);
  return trained;
}

}  // namespace suan::compress
