// One JSON object on one line, as commands print it and as .jsonl files hold it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace suan::formats {

using JsonScalar = std::variant<std::string, double, int64_t, bool>;
using JsonRows = std::vector<std::vector<std::pair<std::string, JsonScalar>>>;  // flat objects
using JsonValue = std::variant<std::string, double, int64_t, bool, JsonRows>;
using JsonFields = std::vector<std::pair<std::string, JsonValue>>;

// A JSON object in the order given; numbers that are not finite become null.
std::string json_line(const JsonFields& fields);

}  // namespace suan::formats
