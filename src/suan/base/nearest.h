// The name that a mistyped name probably means, for error messages.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <span>
#include <string>
#include <string_view>

namespace suan {

// The candidate with the fewest insertions, deletions and substitutions from `name` (Levenshtein);
// empty when even the best differs in more than half of the letters.
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

// "there is no option 'clases', did you mean 'classes'?", or a list of the (first) candidates where
// none is near: for messages about `what` ("option").
std::string unknown_name(std::string_view what, std::string_view name,
                         std::span<const std::string> candidates);

}  // namespace suan
