// How much channels matter. Axis 0 of a state makes channels, axis 1 of a weight reads them: so are
// the weights of all layers laid out.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "suan/compress/choose_channels.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/tensor/compile.h"

namespace suan::compress {
namespace {

// The L2 norm of each slice along axis 0, relative to their mean.
std::vector<double> relative_norms(const StatePtr& state) {
  const Array array = state->array();
  const auto rows = static_cast<size_t>(array.shape[0]);
  const size_t run = static_cast<size_t>(array.shape.numel()) / rows;
  std::vector<double> norms(rows, 0);
  double mean = 0;
  for (size_t i = 0; i < rows; ++i) {
    for (const float v : array.span<float>().subspan(i * run, run)) norms[i] += double{v} * v;
    norms[i] = std::sqrt(norms[i]);
    mean += norms[i] / static_cast<double>(rows);
  }
  for (double& v : norms) v = mean > 0 ? v / mean : 1;
  return norms;
}

// Sums over all axes but one.
Tensor along(const Tensor& x, int axis) {
  std::vector<int64_t> others;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != axis) others.push_back(i);
  }
  return others.empty() ? x : sum(x, others);
}

bool is_weight(const StatePtr& state) {
  return state->trainable() && state->type().dtype == DType::f32;
}

}  // namespace

std::vector<double> norm_importance(const ChannelTies& ties) {
  std::vector<std::vector<double>> norms(ties.axes.size());
  for (size_t i = 0; i < norms.size(); ++i) {
    const StateAxis& at = ties.axes[i];
    if (at.axis == 0 && is_weight(at.state)) norms[i] = relative_norms(at.state);
  }
  std::vector<double> importance(ties.units.size(), 0);
  for (size_t u = 0; u < importance.size(); ++u) {
    double count = 0;
    for (const auto& place : ties.units[u].places) {
      const std::vector<double>& all = norms[static_cast<size_t>(place.axis)];
      if (all.empty()) continue;
      importance[u] += all[static_cast<size_t>(place.index)];
      ++count;
    }
    if (count > 0) importance[u] /= count;
  }
  return importance;
}

std::vector<double> taylor_importance(const ChannelTies& ties,
                                      const std::function<Tensor(const std::vector<Tensor>&)>& loss,
                                      std::span<const std::vector<Array>> batches) {
  std::vector<size_t> readers;  // of ties.axes
  std::vector<StatePtr> weights;
  for (size_t i = 0; i < ties.axes.size(); ++i) {
    const StateAxis& at = ties.axes[i];
    if (at.axis != 1 || !is_weight(at.state)) continue;
    readers.push_back(i);
    weights.push_back(at.state);
  }
  const auto sums = [&](const std::vector<Tensor>& args) {
    std::vector<Tensor> out;
    const std::vector<Tensor> grads = grad(loss(args), weights);
    for (size_t i = 0; i < weights.size(); ++i)
      out.push_back(along(weights[i]->read() * grads[i], 1));
    return out;
  };
  CompiledFunction effects(sums, {});
  std::vector<double> importance(ties.units.size(), 0);
  std::vector<std::vector<float>> of_axis(ties.axes.size());
  for (const std::vector<Array>& batch : batches) {
    std::vector<Tensor> args;
    for (const Array& array : batch) args.push_back(Tensor::from(array));
    const std::vector<Tensor> out = effects(args);
    for (size_t i = 0; i < readers.size(); ++i) {
      const Array values = out[i].array();
      of_axis[readers[i]].assign(values.span<float>().begin(), values.span<float>().end());
    }
    for (size_t u = 0; u < importance.size(); ++u) {
      double effect = 0;
      for (const auto& place : ties.units[u].places) {
        const std::vector<float>& all = of_axis[static_cast<size_t>(place.axis)];
        if (!all.empty()) effect += double{all[static_cast<size_t>(place.index)]};
      }
      importance[u] += effect * effect / static_cast<double>(batches.size());
    }
  }
  return importance;
}

}  // namespace suan::compress
