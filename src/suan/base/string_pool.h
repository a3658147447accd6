// The pool of strings: every text of a `string` tensor is kept once for the life of the process and
// known by its id, so that tensors of texts move, gather and compare like tensors of numbers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "suan/base/dtype.h"

namespace suan {

// The id of this text; 0 is the empty one. Throws Error(kSystem) beyond 1 GiB of texts.
StringId intern(std::string_view text);
// The text of an id; empty for one that nobody was given. Valid for ever.
std::string_view text_of(StringId id);

}  // namespace suan
