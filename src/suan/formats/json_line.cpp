// One JSON object on one line.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/json_line.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace suan::formats {

std::string json_line(const JsonFields& fields) {
  nlohmann::ordered_json object;
  for (const auto& [name, value] : fields) {
    std::visit([&](const auto& v) { object[name] = v; }, value);
    const double* number = std::get_if<double>(&value);
    if (number && !std::isfinite(*number)) object[name] = nullptr;
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace suan::formats
