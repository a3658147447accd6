// Flattening TOML.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/internal/toml_values.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>

#include "suan/base/error.h"

namespace suan::train {
namespace {

std::string place(const std::string& name, const toml::source_region& source) {
  return fmt::format("{}:{}", name, source.begin.line);
}

bool scalar(const toml::node& node, TomlKind& kind, std::string& text) {
  if (const auto* v = node.as_integer()) {
    kind = TomlKind::integer;
    text = std::to_string(v->get());
  } else if (const auto* f = node.as_floating_point()) {
    kind = TomlKind::number;
    text = fmt::format("{}", f->get());
  } else if (const auto* b = node.as_boolean()) {
    kind = TomlKind::boolean;
    text = b->get() ? "true" : "false";
  } else if (const auto* s = node.as_string()) {
    kind = TomlKind::string;
    text = s->get();
  } else {
    return false;
  }
  return true;
}

// Where the string that starts at `i` ends: after its closing quotes, or at a line's end where the
// TOML is wrong anyway.
size_t end_of_string(std::string_view text, size_t i) {
  const char quote = text[i];
  const std::string triple(3, quote);
  const bool whole_lines = text.substr(i).starts_with(triple);
  const std::string_view close = std::string_view(triple).substr(0, whole_lines ? 3 : 1);
  for (i += close.size(); i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text.substr(i).starts_with(close)) {
      i += close.size();
      while (whole_lines && i < text.size() && text[i] == quote) ++i;  // """a"""" ends with a quote
      return i;
    } else if (text[i] == '\n' && !whole_lines) {
      return i;
    }
  }
  return text.size();
}

// toml++ makes and frees a table for each part of a dotted key by recursion, so the number of parts
// is bounded before it sees the text.
void bound_depth(std::string_view text, const std::string& name) {
  constexpr int kMostDots = 15;
  int dots = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      i = end_of_string(text, i);
      continue;
    }
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    const bool of_key = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
                        c == '.' || c == ' ' || c == '\t';
    dots = of_key ? dots + (c == '.' ? 1 : 0) : 0;
    if (dots > kMostDots) {
      const auto line =
          1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(i), '\n');
      fail(ErrorCode::kBadFile, fmt::format("{}:{}", name, line), "a key has more than {} parts",
           kMostDots + 1);
    }
    ++i;
  }
}

class Flattener {
 public:
  Flattener(const std::string& name, std::vector<TomlValue>& out) : name_(name), out_(out) {}

  void table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) add(node, prefix + std::string(key.str()));
  }

 private:
  void add(const toml::node& node, const std::string& key) {
    if (const toml::table* inner = node.as_table()) {
      table(*inner, key + ".");
      return;
    }
    const toml::array* list = node.as_array();
    if (list && !list->empty() && list->is_homogeneous(toml::node_type::table)) {
      for (size_t i = 0; i < list->size(); ++i) {
        table(*(*list)[i].as_table(), fmt::format("{}.{}.", key, i));
      }
      return;
    }
    TomlValue value{key, TomlKind::list, "", place(name_, node.source())};
    if (list) {
      value.text = list_text(*list, value);
    } else if (!scalar(node, value.kind, value.text)) {
      fail(ErrorCode::kBadFile, value.where, "{} is a date or time, which no key takes", key);
    }
    out_.push_back(std::move(value));
  }

  static std::string list_text(const toml::array& list, const TomlValue& value) {
    std::string text = "[";
    for (const toml::node& element : list) {
      TomlKind kind{};
      std::string item;
      if (!scalar(element, kind, item)) {
        fail(ErrorCode::kBadFile, value.where, "{} holds something other than numbers and strings",
             value.key);
      }
      if (text.size() > 1) text += ", ";
      text += kind == TomlKind::string ? quoted_toml(item) : item;
    }
    return text + "]";
  }

  const std::string& name_;
  std::vector<TomlValue>& out_;
};

}  // namespace

const char* to_string(TomlKind kind) {
  static constexpr const char* kNames[] = {"an integer", "a number", "a boolean", "a string",
                                           "a list"};
  return kNames[static_cast<size_t>(kind)];
}

std::string quoted_toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::vector<TomlValue> parse_toml(std::string_view text, const std::string& name) {
  std::vector<TomlValue> values;
  bound_depth(text, name);
  try {
    Flattener(name, values).table(toml::parse(text, name), "");
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::kBadFile, place(name, error.source()), "{}", error.description());
  }
  return values;
}

TomlValue parse_setting(const std::string& setting) {
  const std::string where = "--set " + setting;
  const size_t equals = setting.find('=');
  if (equals == 0 || equals == std::string::npos) fail(where, "expected key=value");
  const std::string key = setting.substr(0, equals), value = setting.substr(equals + 1);
  TomlValue result{key, TomlKind::string, value, where};
  bound_depth(value, where);
  try {
    const toml::table parsed = toml::parse("value = " + value + "\n");
    std::vector<TomlValue> values;
    if (parsed.size() == 1) Flattener(where, values).table(parsed, "");
    if (values.size() == 1 && values[0].key == "value") {
      result.kind = values[0].kind;
      result.text = values[0].text;
    }
  } catch (const toml::parse_error&) {
    return result;  // a plain string
  }
  return result;
}

}  // namespace suan::train
