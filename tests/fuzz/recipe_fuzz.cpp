// Any text as a recipe; one that is accepted prints and parses back.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "suan/base/error.h"
#include "suan/train/recipe.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace suan::train;
  try {
    const Recipe recipe = parse_recipe({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
    if (!(parse_recipe(to_toml(recipe), "again.toml") == recipe)) std::abort();
  } catch (const suan::Error&) {}
  return 0;
}
