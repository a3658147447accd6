// CSV and TSV files (RFC 4180): rows of text fields, and tables of numbers with a label column.
// Errors name the file and the line.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "suan/base/array.h"

namespace suan::formats {

// Goes through the rows of a text. Every row must have as many fields as the first; empty lines are
// passed over. The text and `where` must outlive the reader.
class CsvReader {
 public:
  CsvReader(std::string_view text, std::string_view where, char separator = ',');
  // Throws Error(kBadFile) for a ragged row or a quote that does not end.
  bool next();
  // The fields of the row, valid until the next one.
  const std::vector<std::string_view>& fields() const { return fields_; }
  int64_t line() const { return row_line_; }  // of the row's start, from 1
  // A field as a number; throws Error(kBadFile) naming the line and `column`.
  float number(size_t field, std::string_view column) const;
  int64_t integer(size_t field, std::string_view column) const;

 private:
  std::string_view read_field(bool& last);
  std::string_view read_quoted();
  std::string_view rest_, where_;
  char separator_;
  int64_t line_ = 1, row_line_ = 0;
  size_t expected_ = 0;
  std::vector<std::string_view> fields_;
  std::deque<std::string> unquoted_;  // fields that had doubled quotes
};

struct CsvOptions {
  char separator = ',';
  bool header = true;  // the first row names the columns; else they are "0", "1", ...
  std::string label;   // the label column, if any: whole numbers, or class names
};

struct CsvTable {
  std::vector<std::string> columns;  // names of the columns of `values`
  Array values;                      // f32 [rows, columns]
  Array labels;                      // i64 [rows], or no buffer without a label column
  std::vector<std::string> classes;  // sorted; empty when the labels were numbers in the file
};

// Throws Error(kBadFile), as "train.csv: line 7: got 3 fields, expected 4".
CsvTable read_csv(const std::string& path, const CsvOptions& options = {});
CsvTable parse_csv(std::string_view text, std::string_view where, const CsvOptions& options = {});

}  // namespace suan::formats
