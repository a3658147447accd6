// Search: which precision each layer gets, so that a model is as fast (small, frugal) as can be
// measured on this machine and loses no more than was promised. Knows graphs and data only by what
// its questions answer.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/compress/contract.h"

namespace suan::compress {

enum class LayerPrecision : uint8_t { f32, bf16, int8 };
std::span<const std::string_view> enum_names(LayerPrecision precision);

using Assignment = std::vector<LayerPrecision>;  // of each layer

enum class Objective : uint8_t { latency, size, energy };
std::span<const std::string_view> enum_names(Objective objective);

struct SearchLayer {
  std::string name;
  double share = 0;          // of the model's operations
  double noise = 0;          // of its result in int8, relative to its signal: 10^(-SQNR / 10)
  std::string int8_refused;  // why it cannot be int8; empty: it can
};

// What the search asks. Costs are in units of the objective: seconds, bytes, joules.
struct Questions {
  // Costs of assignments, measured side by side: comparable with each other alone.
  std::function<std::vector<double>(const std::vector<Assignment>&)> costs;
  // What the model loses with an assignment, on the data of the search.
  std::function<PairedDrop(const Assignment&)> drop;
};

struct SearchOptions {
  double max_drop = 0.5;
  bool bf16 = true;                         // whether the machine computes in it
  double margin = 0.02;                     // a change must gain this share to count as faster
  bool exhaustive = false;                  // measure every assignment
  const std::atomic<bool>* stop = nullptr;  // set by somebody: give what there is
};

// An assignment that was tried.
struct Trial {
  Assignment assignment;
  double ratio = 1;  // of its cost to that of all f32, measured side by side
  double drop = 0, bound = 0;
  int64_t examples = 0;
  bool keeps = false;
};
struct Refusal {
  std::string what, why;
};
struct SearchResult {
  std::vector<Trial> trials;     // with a drop, in the order they were tried
  std::optional<size_t> best;    // the cheapest that keeps the promise; none: none does
  std::vector<Refusal> refused;  // "int8 on conv2": "1.3x slower here"
  bool stopped = false;          // before its end
};

// 1. The cheapest assignment whatever it loses: from the cheapest uniform one on, one layer after
//    another is tried in every precision, until nothing gains by the margin.
// 2. While it loses too much, layers get more precise, first those whose noise costs least to
//    remove; then those that were not to blame get their precision back.
// 3. The cheapest that keep the promise are measured again side by side, uniform ones among them.
// `trials`, of an earlier search that was stopped, are not tried again. An exhaustive search
// measures all assignments, then tries the cheapest ones until one keeps the promise; it throws
// Error where there are more than 4096.
SearchResult search(const std::vector<SearchLayer>& layers, const Questions& questions,
                    const SearchOptions& options, std::vector<Trial> trials = {});

// The trials that no other beats in both cost and drop, cheapest first.
std::vector<size_t> pareto_front(const std::vector<Trial>& trials);

}  // namespace suan::compress
