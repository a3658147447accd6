// The technique prune_channels: removes the channels that matter least from the model that a
// training begins with, which then learns to do without them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>

#include "suan/compress/choose_channels.h"
#include "suan/nn/module.h"
#include "suan/train/technique.h"

namespace suan::compress {

struct PruneChannelsOptions {
  double flops = 0.5;    // share of the operations of convolutions and products that stays
  int64_t multiple = 1;  // CPU kernels work in blocks of 16 channels, 8 is their smaller size
  double floor = 0.1;    // the share of its channels that every group keeps at least
  ChannelImportance importance = ChannelImportance::taylor;
  bool by_price = true;
  int64_t samples = 1024;  // of the training set, for taylor
  static constexpr auto fields() {
    return std::tuple{Field{"flops", &PruneChannelsOptions::flops},
                      Field{"multiple", &PruneChannelsOptions::multiple},
                      Field{"floor", &PruneChannelsOptions::floor},
                      Field{"importance", &PruneChannelsOptions::importance},
                      Field{"by_price", &PruneChannelsOptions::by_price},
                      Field{"samples", &PruneChannelsOptions::samples}};
  }
};

// Throws Error for an option that does not exist or fit.
std::unique_ptr<train::Technique> make_prune_channels(const train::Options& options);

// Shrinks the module's states to the shapes of a checkpoint, for the values that will be loaded.
// Throws Error naming a state that would have to grow.
void shrink_to(nn::Module& module, const train::SavedShapes& saved);

}  // namespace suan::compress
