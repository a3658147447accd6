// One JSON object on one line.
// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/suan/commands.h"

namespace suan::app {

std::string json_line(const std::vector<std::pair<std::string, JsonValue>>& fields) {
  nlohmann::ordered_json object;
  for (const auto& [name, value] : fields) {
    std::visit([&](const auto& v) { object[name] = v; }, value);
    const double* number = std::get_if<double>(&value);
    if (number && !std::isfinite(*number)) object[name] = nullptr;
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace suan::app
