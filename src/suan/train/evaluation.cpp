// The list of metrics.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/evaluation.h"

#include <fmt/format.h>

#include <cmath>

namespace suan::train {

std::vector<std::pair<std::string, double>> named_metrics(const Evaluation& e) {
  std::vector<std::pair<std::string, double>> metrics;
  const auto add = [&](std::string name, double value) {
    if (!std::isnan(value)) metrics.emplace_back(std::move(name), value);
  };
  add("accuracy", e.accuracy);
  metrics.emplace_back("loss", e.loss);
  add("f1", e.f1);
  add(fmt::format("top{}_accuracy", e.top_k), e.top_k_accuracy);
  add("perplexity", e.perplexity);
  return metrics;
}

}  // namespace suan::train
