// A TOML file as a flat list of keys, each with the place it was written at. The only user of
// toml++.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace suan::train {

enum class TomlKind { integer, number, boolean, string, list };
const char* to_string(TomlKind kind);  // "an integer", ...

// The value at "data.mean", "augment.0.kind", ...
struct TomlValue {
  std::string key;
  TomlKind kind = TomlKind::string;
  std::string text;   // a string without quotes; a list as "[1, 2]"
  std::string where;  // "mnist.toml:12", or "--set train.batch=64"
};

// Tables and arrays of tables become dotted keys. Throws Error(kBadFile) with file and line for
// text that is not TOML and for dates, which no key takes.
std::vector<TomlValue> parse_toml(std::string_view text, const std::string& name);
// "train.batch=64". A value that is no TOML is taken as a string, so paths need no quotes.
TomlValue parse_setting(const std::string& setting);

// A string with quotes and escapes as TOML has it.
std::string quoted_toml(std::string_view text);

}  // namespace suan::train
