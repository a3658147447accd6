// CSV: quoting, headers, labels, and messages with file and line.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/csv.h"

#include <gtest/gtest.h>

#include "suan/formats/compression.h"
#include "tests/expect_error.h"
#include "tests/temp_folder.h"

namespace suan::formats {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows rows(const std::string& text, char separator = ',') {
  CsvReader reader(text, "x.csv", separator);
  Rows out;
  while (reader.next()) out.emplace_back(reader.fields().begin(), reader.fields().end());
  return out;
}

TEST(Csv, SplitsFieldsLinesAndQuotes) {
  EXPECT_EQ(rows("a,b\nc,d"), (Rows{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(rows("a,b\r\n\r\nc,d\r\n\n"), (Rows{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(rows("\"a,\n\"\"b\"\"\",\"\"\n,c"), (Rows{{"a,\n\"b\"", ""}, {"", "c"}}));
  EXPECT_EQ(rows("a,\n,b"), (Rows{{"a", ""}, {"", "b"}}));
  EXPECT_EQ(rows("a,"), (Rows{{"a", ""}}));
  EXPECT_EQ(rows(","), (Rows{{"", ""}}));
  EXPECT_EQ(rows("\xef\xbb\xbf"
                 "a"),
            (Rows{{"a"}}));
  EXPECT_EQ(rows("\"a\t1\nb\"\t2", '\t'), (Rows{{"\"a", "1"}, {"b\"", "2"}}));
  EXPECT_EQ(rows(""), Rows{});
}

TEST(Csv, ReadsNumbersAndClassNames) {
  const TempFolder folder;
  const std::string text = "size,kind,weight\n1.5,cat,-2\n 3e2 ,ant,+0\n4,cat,7\n";
  const CsvTable table = read_csv(folder.file("x.csv", text), {.label = "kind"});
  EXPECT_EQ(table.columns, (std::vector<std::string>{"size", "weight"}));
  EXPECT_EQ(table.values.shape, (Shape{3, 2}));
  EXPECT_EQ(table.values.as<float>()[2], 300.f);
  EXPECT_EQ(table.classes, (std::vector<std::string>{"ant", "cat"}));
  EXPECT_EQ(table.labels.as<int64_t>()[0], 1);
  EXPECT_EQ(table.labels.as<int64_t>()[1], 0);
  const std::string packed = deflate_all(bytes_of(text), Deflate::gzip);
  EXPECT_EQ(read_csv(folder.file("x.csv.gz", packed), {.label = "kind"}).values.shape[0], 3);
}

TEST(Csv, KeepsWholeNumberLabelsAndDoesWithoutAHeader) {
  const CsvTable table = parse_csv("1,7\n2,-3\n", "x", {.header = false, .label = "1"});
  EXPECT_TRUE(table.classes.empty());
  EXPECT_EQ(table.labels.as<int64_t>()[1], -3);
  EXPECT_EQ(parse_csv("a,b\n", "x").values.shape, (Shape{0, 2}));
  EXPECT_EQ(parse_csv("a,b\n1,2", "x").labels.buffer, nullptr);
}

TEST(Csv, NamesFileLineAndWhatItExpected) {
  const TempFolder folder;
  const std::string path = folder.file("t.csv", "a,b\n1,2\n\n1,2,3\n");
  EXPECT_ERROR(read_csv(path), kBadFile, path + ": line 4: got 3 fields, expected 2");
  EXPECT_ERROR(parse_csv("a,b\n\"1\n\",2\nx,3", "t.csv"), kBadFile,
               "t.csv: line 2: column 'a' holds '1\n', expected a number");
  EXPECT_ERROR(parse_csv("a\n1\nx1\n", "t.csv"), kBadFile,
               "t.csv: line 3: column 'a' holds 'x1', expected a number");
  EXPECT_ERROR(parse_csv("a\n1\n+-1\n", "t.csv"), kBadFile,
               "t.csv: line 3: column 'a' holds '+-1', expected a number");
  EXPECT_ERROR(parse_csv("a\n\"1", "t.csv"), kBadFile,
               "t.csv: line 2: a quoted field does not end");
  EXPECT_ERROR(parse_csv("a\n\"1\"2\n", "t.csv"), kBadFile,
               "t.csv: line 2: text follows a quoted field");
  EXPECT_ERROR(parse_csv("a,b\n", "t.csv", {.label = "c"}), kBadFile,
               "t.csv: has no column 'c'; its columns are a, b");
  EXPECT_ERROR(parse_csv("\n\n", "t.csv"), kBadFile, "t.csv: holds no rows");
  CsvReader reader("1.5", "t.csv");
  reader.next();
  EXPECT_ERROR(reader.integer(0, "node"), kBadFile,
               "t.csv: line 1: column 'node' holds '1.5', expected a whole number");
}

}  // namespace
}  // namespace suan::formats
