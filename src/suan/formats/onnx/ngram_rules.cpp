// TfIdfVectorizer: counts of the n-grams of a vocabulary, on known values. The n-grams are a trie;
// texts count as their ids. SPDX-License-Identifier: Apache-2.0
#include <unordered_map>

#include "suan/base/string_pool.h"
#include "suan/formats/onnx/internal/node.h"

namespace suan::onnx {
namespace {

struct Grams {
  struct Place {
    std::unordered_map<int64_t, size_t> next;
    int64_t output = -1;  // of the n-gram that ends here
  };
  std::vector<Place> places = std::vector<Place>(1);
  int64_t least, most, skips;  // lengths; how many elements may lie between two of an n-gram
  int64_t outputs = 0;

  void add(std::span<const int64_t> gram, int64_t output) {
    size_t at = 0;
    for (int64_t word : gram) {
      const auto [found, fresh] = places[at].next.emplace(word, places.size());
      at = found->second;
      if (fresh) places.emplace_back();
    }
    places[at].output = output;
  }
  template <class F>
  void count(std::span<const int64_t> row, F&& found) const;
};

// Calls found(output) for every n-gram of the row. Single words do not depend on the distance
// between words, so they count once.
template <class F>
void Grams::count(std::span<const int64_t> row, F&& found) const {
  const auto size = static_cast<int64_t>(row.size());
  for (int64_t step = 1, shortest = least; step <= std::min(skips, size) + 1; ++step) {
    if (shortest > most) return;
    for (int64_t start = 0; start < size; ++start) {
      size_t at = 0;
      int64_t length = 1;
      for (int64_t i = start; i < size && length <= most; i += step, ++length) {
        const auto next = places[at].next.find(row[static_cast<size_t>(i)]);
        if (next == places[at].next.end()) break;
        at = next->second;
        if (length >= shortest && places[at].output >= 0) found(places[at].output);
      }
    }
    shortest = std::max<int64_t>(shortest, 2);
  }
}

std::vector<int64_t> as_words(const std::vector<std::string>& texts) {
  std::vector<int64_t> words;
  for (const std::string& t : texts) words.push_back(static_cast<int64_t>(intern(t).id));
  return words;
}

Grams read_grams(const NodeView& n) {
  Grams grams{.least = n.i("min_gram_length"),
              .most = n.i("max_gram_length"),
              .skips = n.i("max_skip_count")};
  if (grams.least < 1 || grams.most < grams.least || grams.skips < 0) {
    n.fail("got n-grams of {} to {} elements and {} skips", grams.least, grams.most, grams.skips);
  }
  if (n.has_attr("pool_strings") == n.has_attr("pool_int64s")) {
    n.fail("expected either pool_strings or pool_int64s");
  }
  const std::vector<int64_t> pool =
      n.has_attr("pool_strings") ? as_words(n.strings("pool_strings")) : n.ints("pool_int64s");
  const std::vector<int64_t> starts = n.ints("ngram_counts"), outputs = n.ints("ngram_indexes");
  for (int64_t output : outputs) {
    if (output < 0 || output >= INT32_MAX) n.fail("an n-gram's index is {}", output);
    grams.outputs = std::max(grams.outputs, output + 1);
  }
  size_t number = 0;
  for (size_t k = 0; k < starts.size(); ++k) {
    const auto length = static_cast<int64_t>(k) + 1;
    const int64_t end = k + 1 < starts.size() ? starts[k + 1] : static_cast<int64_t>(pool.size());
    if (starts[k] < 0 || end < starts[k] || end > static_cast<int64_t>(pool.size()) ||
        (end - starts[k]) % length) {
      n.fail("{}-grams lie at {} to {} of {}", length, starts[k], end, pool.size());
    }
    for (int64_t at = starts[k]; at < end; at += length, ++number) {
      if (number >= outputs.size()) n.fail("there are more n-grams than the {} indexes", number);
      if (length < grams.least || length > grams.most) continue;
      grams.add(std::span(pool).subspan(static_cast<size_t>(at), static_cast<size_t>(length)),
                outputs[number]);
    }
  }
  return grams;
}

// The factor of each output: by the place of the output, as other engines read it.
std::vector<double> read_weights(const NodeView& n, const std::string& mode, int64_t outputs) {
  std::vector<double> weights = n.floats("weights");
  if (mode == "TF" || weights.empty()) return std::vector<double>(static_cast<size_t>(outputs), 1);
  if (static_cast<int64_t>(weights.size()) < outputs) {
    n.fail("got {} weights, expected {}", weights.size(), outputs);
  }
  return weights;
}

Outputs tf_idf_vectorizer(const NodeView& n) {
  const std::string mode = n.s("mode", "");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") {
    n.fail("mode is '{}', expected TF, IDF or TFIDF", mode);
  }
  const Array x = n.known(0);
  const bool texts = x.dtype == DType::string;
  if (x.shape.rank() > 2) n.fail("got {}, expected [c] or [n, c]", to_string(x.shape));
  if (texts != n.has_attr("pool_strings")) n.fail("got {} for the pool", name(x.dtype));
  const std::vector<int64_t> words = [&] {
    if (!texts) return n.known_ints(0);
    return std::vector<int64_t>(x.as<int64_t>(), x.as<int64_t>() + x.numel());  // ids
  }();
  const Grams grams = read_grams(n);
  const int64_t rows = x.shape.rank() == 2 ? x.shape[0] : 1;
  const int64_t columns = rows ? x.numel() / rows : 0;
  const auto most = static_cast<int64_t>(n.limits().value_bytes / sizeof(double));
  if (grams.outputs > most / std::max<int64_t>(rows, 1)) {
    n.fail("{} x {} counts are too many", rows, grams.outputs);
  }
  const std::vector<double> weights = read_weights(n, mode, grams.outputs);
  Array y(DType::f32, x.shape.rank() == 2 ? Shape{rows, grams.outputs} : Shape{grams.outputs});
  std::fill_n(y.as<float>(), y.numel(), 0.0F);
  for (int64_t r = 0; r < rows; ++r) {
    float* counts = y.as<float>() + r * grams.outputs;
    grams.count(
        std::span(words).subspan(static_cast<size_t>(r * columns), static_cast<size_t>(columns)),
        [&](int64_t output) { counts[output] += 1; });
    for (int64_t i = 0; i < grams.outputs; ++i) {
      if (mode == "IDF") counts[i] = std::min(counts[i], 1.0F);
      counts[i] *= static_cast<float>(weights[static_cast<size_t>(i)]);
    }
  }
  return {NodeView::constant(y)};
}

constexpr OperatorRule kRules[] = {{"TfIdfVectorizer", tf_idf_vectorizer}};

}  // namespace

std::span<const OperatorRule> ngram_rules() { return kRules; }

}  // namespace suan::onnx
