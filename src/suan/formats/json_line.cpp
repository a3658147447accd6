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
void set(Json& place, double number) {
  if (std::isfinite(number)) {
    place = number;
  } else {
    place = nullptr;
  }
}
void set(Json& place, const JsonRows& rows) {
  place = Json::array();
  for (const auto& row : rows) {
    Json object = Json::object();
    for (const auto& [name, value] : row) {
      std::visit([&](const auto& v) { set(object[name], v); }, value);
    }
    place.push_back(std::move(object));
  }
}

}  // namespace

std::string json_line(const JsonFields& fields) {
  Json object;
  for (const auto& [name, value] : fields) {
    std::visit([&](const auto& v) { set(object[name], v); }, value);
  }
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace suan::formats
