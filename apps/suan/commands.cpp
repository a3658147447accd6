// What the commands share about their options.
// SPDX-License-Identifier: Apache-2.0
#include "apps/suan/commands.h"

#include "suan/base/error.h"

namespace suan::app {

void refuse_unused(const CommonOptions& options, std::initializer_list<const char*> names,
                   std::string_view where) {
  for (const char* name : names) {
    if (options.given.contains(name)) fail(name, "has no effect {}", where);
  }
}

}  // namespace suan::app
