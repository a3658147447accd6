// compression.html: what a compression did, as one page without network and scripts; and the same
// for machines.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/compress/compressor.h"

namespace suan::compress {

std::string to_html(const Outcome& outcome, const std::string& title, const std::string& machine);
std::string_view metric_name(const Outcome& outcome);
std::string metric_text(double value, Metric metric);  // "98.70 %", "6.2256", "0.99781"
// The search's trials, so that it can go on: one line for each. The inverse throws Error naming
// `where` and the line; trials of a model with other layers are left out.
std::string to_text(const std::vector<Trial>& trials, const std::vector<SearchLayer>& layers);
std::vector<Trial> parse_trials(std::string_view text, const std::vector<SearchLayer>& layers,
                                const std::string& where);

}  // namespace suan::compress
