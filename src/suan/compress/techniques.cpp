// The table of techniques that a recipe can name.
// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "suan/base/error.h"
#include "suan/base/nearest.h"
#include "suan/compress/distill.h"
#include "suan/compress/low_rank.h"
#include "suan/compress/prune.h"
#include "suan/compress/prune_channels.h"
#include "suan/compress/quantize_technique.h"
#include "suan/train/technique.h"

namespace suan::train {
namespace {

struct Entry {
  std::string kind;
  std::function<std::unique_ptr<Technique>(const Options&)> make;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table{
      {"distill", compress::make_distill},
      {"low_rank", compress::make_low_rank},
      {"quantize", compress::make_quantize_technique},
      {"prune", compress::make_prune},
      {"prune_channels", compress::make_prune_channels},
  };
  return table;
}

}  // namespace

std::unique_ptr<Technique> make_technique(const Choice& choice) {
  std::vector<std::string> kinds;
  for (const Entry& e : entries()) {
    if (e.kind == choice.name) return e.make(choice.options);
    kinds.push_back(e.kind);
  }
  fail("technique", "{}", unknown_name("technique", choice.name, kinds));
}

}  // namespace suan::train
