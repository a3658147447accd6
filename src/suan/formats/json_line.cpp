// One JSON object on one line.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/json_line.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace suan::formats {

namespace {

using Json = nlohmann::ordered_json;
template <class T>
void set(Json& place, const T& value) {
  place = value;
}
void set(Json& place, const JsonRows& rows) {
  place = Json::array();
  for (const auto& row : rows) {
    Json object;
    for (const auto& [name, text] : row) object[name] = text;
    place.push_back(std::move(object));
  }
}

}  // namespace

std::string json_line(const JsonFields& fields) {
  Json object;
  for (const auto& [name, value] : fields) {
    std::visit([&](const auto& v) { set(object[name], v); }, value);
    const double* number = std::get_if<double>(&value);
    if (number && !std::isfinite(*number)) object[name] = nullptr;
  }
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace suan::formats
