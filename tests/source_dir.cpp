// The only test source that is compiled with SUAN_SOURCE_DIR.
// SPDX-License-Identifier: Apache-2.0
#include "tests/source_dir.h"

namespace suan {

std::string source_dir() { return SUAN_SOURCE_DIR; }

}  // namespace suan
