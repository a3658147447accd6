// Where the source tree lies, for tests that read files of it. A function, not a compile
// definition: so a compiler cache can serve many checkouts.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace suan {

std::string source_dir();  // an absolute path without "/" at its end

}  // namespace suan
