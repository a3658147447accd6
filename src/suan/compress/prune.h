// The technique prune: weights become zero, more and more of them while the training goes on, and
// stay zero.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "suan/graph/attrs.h"
#include "suan/train/technique.h"

namespace suan::compress {

// What an element is worth. magnitude: |w|. movement: the sum over steps of -w dL/dw, how far
// training moves it away from zero (Sanh et al., "Movement pruning", NeurIPS 2020).
enum class PruneMethod : uint8_t { magnitude, movement };
std::span<const std::string_view> enum_names(PruneMethod method);
// What competes: elements of all weights, or of each one.
enum class PruneScope : uint8_t { global, layer };
std::span<const std::string_view> enum_names(PruneScope scope);

struct PruneOptions {
  PruneMethod method = PruneMethod::magnitude;
  PruneScope scope = PruneScope::global;
  std::string pattern = "element";  // element, 2:4 or block (compress/masks.h)
  // The share of zeros at the end, of the weights that can have the pattern; 0: half for 2:4, else
  // 0.8. A block counts as one.
  double sparsity = 0;
  int64_t block_rows = 4, block_columns = 4;
  double begin = 0, end = 0.7;  // shares of the training between which the sparsity grows
  int64_t every = 10;           // batches from one growth to the next
  static constexpr auto fields() {
    return std::tuple{Field{"method", &PruneOptions::method},
                      Field{"scope", &PruneOptions::scope},
                      Field{"pattern", &PruneOptions::pattern},
                      Field{"sparsity", &PruneOptions::sparsity},
                      Field{"block_rows", &PruneOptions::block_rows},
                      Field{"block_columns", &PruneOptions::block_columns},
                      Field{"begin", &PruneOptions::begin},
                      Field{"end", &PruneOptions::end},
                      Field{"every", &PruneOptions::every}};
  }
};

// The share of the final sparsity at `done` of the training: 1 - (1 - t)^3 where t goes from 0 at
// `begin` to 1 at `end`. Zhu and Gupta, "To prune, or not to prune", 2017.
double pruned_share(double done, double begin, double end);

// Prunes trainable weights of two or more axes but embeddings. Throws Error for an option that does
// not exist or fit.
std::unique_ptr<train::Technique> make_prune(const train::Options& options);

}  // namespace suan::compress
