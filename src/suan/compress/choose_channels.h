// Choosing the channels to remove: how much each matters, and which go to reach a number of
// operations.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "suan/compress/channels.h"

namespace suan::compress {

// How a unit's worth is estimated. norm: the L2 norms of its filters and the elements of its norms,
// each relative to the mean of its state's. taylor: the square of the loss that the first-order
// expansion says the removal costs, sum w dL/dw over the weights that read it, mean over batches.
// Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019.
enum class ChannelImportance : uint8_t { norm, taylor };
std::span<const std::string_view> enum_names(ChannelImportance importance);

std::vector<double> norm_importance(const ChannelTies& ties);
// `loss` is traced, for one batch of `batches` (an array for each of its arguments).
std::vector<double> taylor_importance(const ChannelTies& ties,
                                      const std::function<Tensor(const std::vector<Tensor>&)>& loss,
                                      std::span<const std::vector<Array>> batches);

struct ChannelTarget {
  double flops = 0.5;     // share of the operations that may be left
  int64_t multiple = 1;   // groups that shrink keep a multiple of this many channels
  double floor = 0.1;     // of a group, at least this share stays
  bool by_price = false;  // ranks by importance for each operation saved, else by importance alone
};

// For each unit, whether it goes. Throws Error when the target cannot be reached.
std::vector<bool> choose_channels(const ChannelTies& ties, std::span<const double> importance,
                                  const ChannelTarget& target);

}  // namespace suan::compress
