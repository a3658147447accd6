// Rows of fields, then typed columns.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/csv.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "suan/formats/compression.h"
#include "suan/formats/internal/bytes.h"

namespace suan::formats {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Label texts into numbers: as they are when all are whole, else places among the sorted names.
void make_labels(const std::vector<std::string>& texts, CsvTable& table) {
  const auto rows = static_cast<int64_t>(texts.size());
  table.labels = Array(DType::i64, {rows});
  int64_t* labels = table.labels.as<int64_t>();
  const bool whole = std::all_of(texts.begin(), texts.end(), [&](const std::string& text) {
    const auto value = parse_number<int64_t>(text);
    if (value) *labels++ = *value;
    return value.has_value();
  });
  if (whole) return;
  table.classes = texts;
  std::sort(table.classes.begin(), table.classes.end());
  table.classes.erase(std::unique(table.classes.begin(), table.classes.end()), table.classes.end());
  labels = table.labels.as<int64_t>();
  for (const std::string& text : texts) {
    *labels++ =
        std::lower_bound(table.classes.begin(), table.classes.end(), text) - table.classes.begin();
  }
}

}  // namespace

CsvReader::CsvReader(std::string_view text, std::string_view where, char separator)
    : rest_(text), where_(where), separator_(separator) {
  if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);  // a byte order mark
}

std::string_view CsvReader::read_quoted() {
  std::string* joined = nullptr;
  std::string_view field;
  size_t from = 1;
  for (;;) {
    const size_t end = rest_.find('"', from);
    if (end == rest_.npos) {
      bad_file(where_, "line {}: a quoted field does not end", row_line_);
    }
    const std::string_view part = rest_.substr(from, end - from);
    line_ += std::count(part.begin(), part.end(), '\n');
    const bool doubled = end + 1 < rest_.size() && rest_[end + 1] == '"';
    if (doubled && !joined) joined = &unquoted_.emplace_back();
    if (joined) joined->append(part);
    from = end + (doubled ? 2 : 1);
    if (doubled) {
      *joined += '"';
      continue;
    }
    field = joined ? std::string_view(*joined) : part;
    rest_.remove_prefix(from);
    return field;
  }
}

std::string_view CsvReader::read_field(bool& last) {
  const bool quoted = separator_ != '\t' && rest_.starts_with('"');
  std::string_view field = quoted ? read_quoted() : std::string_view();
  const char stops[] = {separator_, '\n', '\0'};
  const size_t end = std::min(rest_.find_first_of(stops), rest_.size());
  std::string_view tail = rest_.substr(0, end);
  last = end == rest_.size() || rest_[end] == '\n';
  rest_.remove_prefix(std::min(end + 1, rest_.size()));
  if (last && tail.ends_with('\r')) tail.remove_suffix(1);
  if (!quoted) return tail;
  if (!trimmed(tail).empty()) {
    bad_file(where_, "line {}: text follows a quoted field", line_);
  }
  return field;
}

bool CsvReader::next() {
  while (rest_.starts_with('\n') || rest_.starts_with("\r\n")) {
    rest_.remove_prefix(rest_[0] == '\n' ? 1 : 2);
    ++line_;
  }
  if (rest_.empty()) return false;
  fields_.clear();
  unquoted_.clear();
  row_line_ = line_;
  for (bool last = false; !last;) {
    const bool separator_at_end = rest_.size() == 1 && rest_[0] == separator_;
    fields_.push_back(read_field(last));
    if (separator_at_end) {  // "a," at the end of the file: one empty field follows
      fields_.emplace_back();
      last = true;
    }
  }
  ++line_;
  if (expected_ == 0) expected_ = fields_.size();
  if (fields_.size() != expected_) {
    bad_file(where_, "line {}: got {} fields, expected {}", row_line_, fields_.size(), expected_);
  }
  return true;
}

float CsvReader::number(size_t field, std::string_view column) const {
  const auto value = parse_number<float>(fields_[field]);
  if (!value) {
    bad_file(where_, "line {}: column '{}' holds '{}', expected a number", row_line_, column,
             fields_[field].substr(0, 40));
  }
  return *value;
}

int64_t CsvReader::integer(size_t field, std::string_view column) const {
  const auto value = parse_number<int64_t>(fields_[field]);
  if (!value) {
    bad_file(where_, "line {}: column '{}' holds '{}', expected a whole number", row_line_, column,
             fields_[field].substr(0, 40));
  }
  return *value;
}

CsvTable parse_csv(std::string_view text, std::string_view where, const CsvOptions& options) {
  CsvReader reader(text, where, options.separator);
  if (!reader.next()) bad_file(where, "holds no rows");
  std::vector<std::string> names;
  names.reserve(reader.fields().size());
  for (size_t i = 0; i < reader.fields().size(); ++i) {
    names.push_back(options.header ? std::string(reader.fields()[i]) : std::to_string(i));
  }
  const auto label =
      static_cast<size_t>(std::find(names.begin(), names.end(), options.label) - names.begin());
  if (!options.label.empty() && label == names.size()) {
    bad_file(where, "has no column '{}'; its columns are {}", options.label,
             fmt::format("{}", fmt::join(names, ", ")));
  }
  const bool labelled = !options.label.empty();
  std::vector<float> values;
  std::vector<std::string> labels;
  bool more = !options.header || reader.next();
  int64_t rows = 0;
  for (; more; more = reader.next(), ++rows) {
    for (size_t i = 0; i < names.size(); ++i) {
      if (labelled && i == label) {
        labels.emplace_back(trimmed(reader.fields()[i]));
      } else {
        values.push_back(reader.number(i, names[i]));
      }
    }
  }
  CsvTable table;
  if (labelled) {
    names.erase(names.begin() + static_cast<std::ptrdiff_t>(label));
    make_labels(labels, table);
  }
  table.values = Array::of<float>(values, {rows, static_cast<int64_t>(names.size())});
  table.columns = std::move(names);
  return table;
}

CsvTable read_csv(const std::string& path, const CsvOptions& options) {
  return parse_csv(read_plain_or_gzip(path), path, options);
}

}  // namespace suan::formats
