// Language modelling by characters, and classifying sentences.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <unordered_map>

#include "suan/base/error.h"
#include "suan/data/text_corpus.h"
#include "suan/formats/text.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/reduce.h"
#include "suan/train/internal/tasks.h"

namespace suan::train {
namespace {

Array part_of(const Array& tokens, int64_t begin, int64_t end) {
  const std::span<const int32_t> all = tokens.span<int32_t>();
  return Array::of(all.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
                   Shape{end - begin});
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (c == ' ' || c == '\t') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  return words;
}

// Padding, unknown, then the most frequent words of the training sentences.
std::vector<std::string> count_words(const std::vector<std::string>& texts, int64_t limit) {
  std::map<std::string, int64_t> counts;
  for (const std::string& text : texts) {
    for (const std::string& word : words_of(text)) ++counts[word];
  }
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [word, count] : counts) order.emplace_back(-count, word);
  std::sort(order.begin(), order.end());
  std::vector<std::string> vocabulary{"", "<unknown>"};
  for (const auto& [count, word] : order) {
    if (static_cast<int64_t>(vocabulary.size()) == limit) break;
    vocabulary.push_back(word);
  }
  return vocabulary;
}

using Numbers = std::unordered_map<std::string, int64_t>;

void encode(const std::string& text, const Numbers& numbers, std::span<int64_t> out) {
  const std::vector<std::string> words = words_of(text);
  std::fill(out.begin(), out.end(), 0);
  for (size_t i = 0; i < std::min(words.size(), out.size()); ++i) {
    const auto it = numbers.find(words[i]);
    out[i] = it == numbers.end() ? 1 : it->second;
  }
}

Numbers numbers_of(const std::vector<std::string>& vocabulary) {
  Numbers numbers;
  for (size_t i = 2; i < vocabulary.size(); ++i) numbers[vocabulary[i]] = static_cast<int64_t>(i);
  return numbers;
}

data::DatasetPtr sentences(const formats::LabelledText& rows, const Numbers& numbers,
                           int64_t length, int64_t classes) {
  const auto count = static_cast<int64_t>(rows.texts.size());
  Array x(DType::i64, {count, length});
  for (int64_t i = 0; i < count; ++i) {
    encode(rows.texts[static_cast<size_t>(i)], numbers,
           x.span<int64_t>().subspan(static_cast<size_t>(i * length), static_cast<size_t>(length)));
  }
  const Array y = Array::of(std::span<const int64_t>(rows.labels), Shape{count});
  return std::make_shared<data::ArrayDataset>(x, y,
                                              data::ArrayDataset::Options{.num_classes = classes});
}

}  // namespace

Task make_text_inputs(const Recipe& recipe) {
  Task task;
  task.model_inputs = [](const Tensor& x) { return std::vector<Tensor>{x}; };
  task.unit = "tokens";
  task.units_per_sample = recipe.data.context;
  task.classifies = false;
  return task;
}

Task make_sentence_inputs() {
  Task task;
  task.model_inputs = [](const Tensor& x) {
    const Tensor lengths = sum(cast(not_equal(x, 0.0), DType::i64), {1});
    return std::vector<Tensor>{x, maximum(lengths, 1.0)};
  };
  task.unit = "sentences";
  return task;
}

Task make_text_task(Recipe& recipe) {
  constexpr double kTrainShare = 0.9;  // the rest is for validation, as nanoGPT splits
  const std::string path = expand_path(recipe.data.path);
  const std::string text = formats::read_text(path);
  const auto vocabulary = formats::CharVocabulary::of(text);
  const Array tokens = vocabulary.encode(text);
  const auto cut = static_cast<int64_t>(static_cast<double>(tokens.numel()) * kTrainShare);
  const int64_t context = recipe.data.context;
  if (tokens.numel() - cut <= context) {
    const auto least = static_cast<int64_t>(static_cast<double>(context + 1) / (1 - kTrainShare));
    fail(ErrorCode::kBadFile, path,
         "has {} characters, expected at least about {} for a data.context of {}", tokens.numel(),
         least, context);
  }
  Task task = make_text_inputs(recipe);
  task.train = std::make_shared<data::TextCorpus>(
      part_of(tokens, 0, cut), vocabulary.size(),
      data::TextCorpus::Options{.context = context, .samples = recipe.data.train_samples});
  task.test = first_samples(std::make_shared<data::TextCorpus>(
                                part_of(tokens, cut, tokens.numel()), vocabulary.size(),
                                data::TextCorpus::Options{.context = context, .random = false}),
                            recipe.data.test_samples);
  task.classes = vocabulary.size();
  task.vocabulary = vocabulary.characters();
  default_option(recipe, "vocabulary", vocabulary.size());
  default_option(recipe, "context", context);
  return task;
}

std::vector<int64_t> encode_sentence(const std::string& text,
                                     const std::vector<std::string>& vocabulary, int64_t length) {
  std::vector<int64_t> tokens(static_cast<size_t>(length));
  encode(text, numbers_of(vocabulary), tokens);
  return tokens;
}

Task make_sentence_task(Recipe& recipe) {
  const std::string folder = expand_path(recipe.data.path);
  constexpr int64_t kMostClasses = 30'000;
  const auto train = formats::read_labelled_text(folder + "/train.tsv", kMostClasses);
  if (train.labels.empty()) fail(ErrorCode::kBadFile, folder + "/train.tsv", "has no rows");
  const int64_t classes = 1 + *std::max_element(train.labels.begin(), train.labels.end());
  Task task = make_sentence_inputs();
  task.vocabulary = count_words(train.texts, recipe.data.vocabulary);
  const Numbers numbers = numbers_of(task.vocabulary);
  const auto split = [&](const char* name) {
    return sentences(formats::read_labelled_text(folder + "/" + name, classes), numbers,
                     recipe.data.context, classes);
  };
  task.train = first_samples(sentences(train, numbers, recipe.data.context, classes),
                             recipe.data.train_samples);
  task.valid = split("dev.tsv");
  task.test = first_samples(split("test.tsv"), recipe.data.test_samples);
  task.classes = classes;
  for (int64_t k = 0; k < classes; ++k) task.class_names.push_back(std::to_string(k));
  default_option(recipe, "vocabulary", static_cast<int64_t>(task.vocabulary.size()));
  default_option(recipe, "classes", classes);
  return task;
}

}  // namespace suan::train
