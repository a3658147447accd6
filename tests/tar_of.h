// A tar archive made by hand, for tests.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/core.h>

#include <string>

namespace suan {

inline std::string tar_entry(std::string name, const std::string& data, char type = '0') {
  name.resize(100);
  std::string header = name + std::string(24, '\0') + fmt::format("{:011o}", data.size());
  header.resize(148);
  header += "        ";
  header += type;
  header.resize(512);
  unsigned sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  header.replace(148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  std::string padded = data;
  padded.resize((data.size() + 511) / 512 * 512);
  return header + padded;
}
inline std::string tar_end() { return std::string(1024, '\0'); }

}  // namespace suan
