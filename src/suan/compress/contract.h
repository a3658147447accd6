// Contract: what a compressed model may lose, and whether the examples at hand show that it loses
// no more. Original and compressed model see the same examples, so their results are compared in
// pairs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace suan::compress {

// What a model is judged by. Without labels it is how close its outputs are to the original's: the
// mean cosine over samples, the original's being 1.
enum class Metric : uint8_t { accuracy, perplexity, cosine };
std::span<const std::string_view> enum_names(Metric metric);

// What is lost: points (hundredths) of accuracy or cosine, or per cent of perplexity.
class PairedDrop {
 public:
  // One example that each model classifies rightly or not.
  void add_answers(bool original_right, bool compressed_right);
  // One example (a window of tokens) with each model's mean loss.
  void add_losses(double original, double compressed);
  // One sample, with the cosine of both models' outputs.
  void add_cosine(double cosine);

  int64_t examples() const { return examples_; }
  double drop() const;
  // The one-sided 95 % upper bound of the drop. Of answers that of Agresti and Min, "Simple
  // improved confidence intervals for comparing matched proportions", Statistics in Medicine 2005
  // (half an example is added to every case, so that no disagreement is no proof); of losses
  // Student's, by the normal distribution, and of cosines too. Infinite below two examples.
  double bound() const;
  // Whether the bound keeps the promise.
  bool keeps(double max_drop) const { return bound() <= max_drop; }
  // About how many examples like these would show that it does; nothing where the drop itself is
  // too large.
  std::optional<int64_t> examples_needed(double max_drop) const;

 private:
  double mean() const;            // of the drop, as a fraction
  double standard_error() const;  // of the mean
  int64_t examples_ = 0;
  Metric metric_ = Metric::perplexity;
  int64_t worse_ = 0, better_ = 0;  // answers that changed
  double sum_ = 0, squares_ = 0;    // of differences of losses
};

// "1.20 points", for people.
std::string drop_text(double drop, Metric metric);
// Why the promise is not kept, in one line.
std::string why_not_kept(const PairedDrop& drop, double max_drop, Metric metric);

}  // namespace suan::compress
