// Checkpoints as safetensors.
// SPDX-License-Identifier: Apache-2.0
#include "suan/train/checkpoint.h"

#include <fmt/format.h>

#include <charconv>

#include "suan/base/error.h"
#include "suan/formats/safetensors.h"
#include "suan/graph/attrs.h"

namespace suan::train {
namespace {

constexpr const char* kFormat = "suan checkpoint 1";

// Strings of any content as one: "3:abc0:5:hello".
std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += fmt::format("{}:{}", text.size(), text);
  return out;
}

class Metadata {
 public:
  Metadata(std::string path, const std::map<std::string, std::string>& values)
      : path_(std::move(path)), values_(values) {}

  const std::string& text(const char* key) const {
    const auto it = values_.find(key);
    if (it == values_.end()) fail(ErrorCode::kBadFile, path_, "has no '{}'", key);
    return it->second;
  }
  template <class T>
  void number(const char* key, T& value) const {
    std::string_view rest = text(key);
    if (!parse_value(rest, value) || !rest.empty()) bad(key);
  }
  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> out;
    std::string_view rest = text(key);
    while (!rest.empty()) {
      size_t size = 0;
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), size);
      const auto digits = static_cast<size_t>(end - rest.data());
      if (error != std::errc() || digits == rest.size() || *end != ':') bad(key);
      rest.remove_prefix(digits + 1);
      if (size > rest.size()) bad(key);
      out.emplace_back(rest.substr(0, size));
      rest.remove_prefix(size);
    }
    return out;
  }

 private:
  [[noreturn]] void bad(const char* key) const {
    fail(ErrorCode::kBadFile, path_, "'{}' is '{}', which is not what Suan writes", key, text(key));
  }
  std::string path_;
  const std::map<std::string, std::string>& values_;
};

// One list for writing and reading.
template <class P, class V>
void visit_progress(P& p, V&& visit) {
  visit("batches", p.batches);
  visit("evaluations", p.evaluations);
  visit("metric_lines", p.metric_lines);
  visit("best", p.best);
  visit("best_batches", p.best_batches);
  visit("without_improvement", p.without_improvement);
  visit("loss_sum", p.loss_sum);
  visit("loss_count", p.loss_count);
  visit("correct", p.correct);
  visit("classified", p.classified);
}

Checkpoint read_metadata(const std::string& path, const formats::Safetensors& file) {
  const Metadata metadata(path, file.metadata);
  if (metadata.text("format") != kFormat) {
    fail(ErrorCode::kBadFile, path, "its format is '{}', expected '{}'", metadata.text("format"),
         kFormat);
  }
  Checkpoint checkpoint;
  visit_progress(checkpoint.progress,
                 [&](const char* key, auto& value) { metadata.number(key, value); });
  if (checkpoint.progress.batches < 0 || checkpoint.progress.metric_lines < 0) {
    fail(ErrorCode::kBadFile, path,
         "'batches' and 'metric_lines' are {} and {}, expected 0 or more",
         checkpoint.progress.batches, checkpoint.progress.metric_lines);
  }
  checkpoint.progress.plateau = metadata.text("plateau");
  checkpoint.class_names = metadata.texts("class_names");
  checkpoint.vocabulary = metadata.texts("vocabulary");
  return checkpoint;
}

}  // namespace

void save_checkpoint(const std::string& path, const std::vector<nn::NamedState>& states,
                     const Checkpoint& checkpoint) {
  formats::Safetensors file;
  for (const nn::NamedState& s : states) file.tensors.push_back({s.name, s.state->array()});
  file.metadata["format"] = kFormat;
  visit_progress(checkpoint.progress, [&](const char* key, const auto& value) {
    file.metadata[key] = fmt::format("{}", value);
  });
  file.metadata["plateau"] = checkpoint.progress.plateau;
  file.metadata["class_names"] = joined(checkpoint.class_names);
  file.metadata["vocabulary"] = joined(checkpoint.vocabulary);
  formats::write_safetensors(path, file);
}

Checkpoint load_checkpoint(const std::string& path, const std::vector<nn::NamedState>& states) {
  const formats::Safetensors file = formats::read_safetensors(path);
  Checkpoint checkpoint = read_metadata(path, file);
  for (const nn::NamedState& s : states) {
    const Array* array = formats::find(file.tensors, s.name);
    if (!array) fail(ErrorCode::kBadFile, path, "has no tensor '{}'", s.name);
    const Type got(array->dtype, array->shape);
    if (!(got == s.state->type())) {
      fail(ErrorCode::kBadFile, path, "'{}' is {}, expected {}", s.name, to_string(got),
           to_string(s.state->type()));
    }
  }
  for (const nn::NamedState& s : states) s.state->load(*formats::find(file.tensors, s.name));
  return checkpoint;
}

Checkpoint read_checkpoint(const std::string& path) {
  return read_metadata(path, formats::read_safetensors(path));
}

}  // namespace suan::train
