// CSV files of whole numbers into arrays, each number checked against its bound.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/graph_data.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "suan/base/error.h"
#include "suan/formats/compression.h"
#include "suan/formats/csv.h"

namespace suan::data {
namespace {

constexpr int64_t kMaxNodes = int64_t{1} << 40;

std::string plain_or_gzip(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? path : path + ".gz";
}

struct Columns {
  std::vector<std::vector<int64_t>> whole;
  std::vector<float> values;
  Array array(size_t first, size_t count) const {
    const auto rows = static_cast<int64_t>(whole[0].size());
    Array out(DType::i64, count == 1 ? Shape{rows} : Shape{static_cast<int64_t>(count), rows});
    for (size_t c = 0; c < count; ++c) {
      std::copy(whole[first + c].begin(), whole[first + c].end(),
                out.as<int64_t>() + static_cast<int64_t>(c) * rows);
    }
    return out;
  }
};

// Rows of whole numbers, column i in [0, bounds[i]), and one real number after them if `values`.
Columns read_columns(const std::string& start, const std::vector<int64_t>& bounds, bool values) {
  const std::string path = plain_or_gzip(start);
  const std::string text = formats::read_plain_or_gzip(path, size_t{1} << 32);
  formats::CsvReader reader(text, path);
  Columns out;
  out.whole.resize(bounds.size());
  const size_t expected = bounds.size() + (values ? 1 : 0);
  while (reader.next()) {
    if (reader.fields().size() != expected) {
      fail(ErrorCode::kBadFile, path, "line {}: got {} fields, expected {}", reader.line(),
           reader.fields().size(), expected);
    }
    for (size_t i = 0; i < bounds.size(); ++i) {
      const int64_t number = reader.integer(i, std::to_string(i));
      if (number < 0 || number >= bounds[i]) {
        fail(ErrorCode::kOutOfRange, path, "line {}: {} is out of range, expected 0 to {}",
             reader.line(), number, bounds[i] - 1);
      }
      out.whole[i].push_back(number);
    }
    if (values) out.values.push_back(reader.number(bounds.size(), "value"));
  }
  return out;
}

int64_t meta_number(const nlohmann::json& meta, const char* key, const std::string& path) {
  const auto found = meta.find(key);
  if (found == meta.end() || !found->is_number_unsigned() || found->get<uint64_t>() > kMaxNodes) {
    fail(ErrorCode::kBadFile, path, "has no usable number '{}'", key);
  }
  return found->get<int64_t>();
}

}  // namespace

Array GraphData::dense_features() const {
  Array dense(DType::f32, {nodes, feature_count});
  std::fill_n(dense.as<float>(), dense.numel(), 0.0f);
  const int64_t count = feature_values.numel();
  const int64_t *node = feature_index.as<int64_t>(), *feature = node + count;
  for (int64_t i = 0; i < count; ++i) {
    dense.as<float>()[node[i] * feature_count + feature[i]] = feature_values.as<float>()[i];
  }
  return dense;
}

GraphData read_graph(const std::string& folder) {
  const std::string meta_path = folder + "/meta.json";
  const auto meta = nlohmann::json::parse(read_file(meta_path, 1 << 20), nullptr, false);
  if (!meta.is_object()) fail(ErrorCode::kBadFile, meta_path, "is no JSON object");
  GraphData graph;
  graph.nodes = meta_number(meta, "nodes", meta_path);
  graph.feature_count = meta_number(meta, "features", meta_path);
  graph.classes = meta_number(meta, "classes", meta_path);
  graph.edges = read_columns(folder + "/edge.csv", {graph.nodes, graph.nodes}, false).array(0, 2);
  const Columns features =
      read_columns(folder + "/node-feat.coo.csv", {graph.nodes, graph.feature_count}, true);
  graph.feature_index = features.array(0, 2);
  graph.feature_values =
      Array::of<float>(features.values, {static_cast<int64_t>(features.values.size())});
  graph.labels = read_columns(folder + "/node-label.csv", {graph.classes}, false).array(0, 1);
  if (graph.labels.numel() != graph.nodes) {
    fail(ErrorCode::kBadFile, plain_or_gzip(folder + "/node-label.csv"),
         "holds {} labels, expected one for each of the {} nodes", graph.labels.numel(),
         graph.nodes);
  }
  graph.train = read_columns(folder + "/train.csv", {graph.nodes}, false).array(0, 1);
  graph.valid = read_columns(folder + "/valid.csv", {graph.nodes}, false).array(0, 1);
  graph.test = read_columns(folder + "/test.csv", {graph.nodes}, false).array(0, 1);
  return graph;
}

}  // namespace suan::data
