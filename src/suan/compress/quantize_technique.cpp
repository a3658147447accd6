// Options of the technique, and its calibration data.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/quantize_technique.h"

#include "suan/base/error.h"
#include "suan/compress/qat.h"
#include "suan/compress/training_samples.h"
#include "suan/train/task.h"

namespace suan::compress {
namespace {

struct TechniqueOptions {
  int64_t samples = 512;
  Calibrator calibrator = Calibrator::best;
  double percent = 99.99;
  bool symmetric = false;
  std::string skip;
  static constexpr auto fields() {
    return std::tuple{Field{"samples", &TechniqueOptions::samples},
                      Field{"calibrator", &TechniqueOptions::calibrator},
                      Field{"percent", &TechniqueOptions::percent},
                      Field{"symmetric", &TechniqueOptions::symmetric},
                      Field{"skip", &TechniqueOptions::skip}};
  }
};

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view name = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

// The model's inputs for samples of the training set.
std::vector<Batch> calibration_batches(const train::TechniqueStart& start, int64_t samples) {
  std::vector<Batch> batches;
  for (const data::Batch& batch : training_samples(start, start.recipe.train.batch, samples)) {
    Batch& inputs = batches.emplace_back();
    for (const Tensor& t : start.task.model_inputs(Tensor::from(batch.x))) {
      inputs.push_back(t.array());
    }
  }
  return batches;
}

class QuantizeTechnique : public train::Technique {
 public:
  explicit QuantizeTechnique(const TechniqueOptions& options) : samples_(options.samples) {
    qat_.calibration = {options.calibrator, options.percent};
    qat_.scheme = options.symmetric ? kGpuScheme : kCpuScheme;
    qat_.skip = split_names(options.skip);
  }
  std::unique_ptr<models::Model> applied(std::unique_ptr<models::Model> model,
                                         const train::TechniqueStart& start) override {
    if (start.saved) return quantized_for_training(std::move(model), *start.saved, qat_);
    const std::vector<Batch> batches = calibration_batches(start, samples_);
    return quantized_for_training(std::move(model), std::span(batches), qat_);
  }

 private:
  int64_t samples_;
  QatOptions qat_;
};

}  // namespace

std::unique_ptr<train::Technique> make_quantize_technique(const train::Options& options) {
  TechniqueOptions own;
  train::read_options("technique.quantize", options, own, TechniqueOptions::fields());
  if (own.samples < 1) {
    fail("technique.quantize", "samples is {}, expected 1 or more", own.samples);
  }
  return std::make_unique<QuantizeTechnique>(own);
}

}  // namespace suan::compress
