// `suan predict` and `suan generate`: what a trained model says about files, and how it goes on
// with a text.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cstdio>
#include <sstream>

#include "apps/suan/commands.h"
#include "suan/formats/image.h"
#include "suan/formats/text.h"
#include "suan/train/inference.h"

namespace suan::app {
namespace {

void print(const std::string& what, const train::Prediction& p, bool json) {
  fmt::print("{}: {} ({:.1f} %)\n", what, p.name, 100 * p.probability);
  if (json) {
    fmt::print("{}\n", json_line({{"file", what},
                                  {"label", p.label},
                                  {"class", p.name},
                                  {"probability", p.probability}}));
  }
}

}  // namespace

int run_predict(const PredictOptions& options) {
  train::LoadedRun run(train::RunFolder::open(options.run, options.runs));
  const bool sentences = run.recipe().data.kind == "sentences";
  for (const std::string& file : options.files) {
    if (!sentences) {
      const auto channels = static_cast<int>(run.recipe().data.mean.size());
      print(file, run.predict_image(formats::read_image(file, {.channels = channels})),
            options.json);
      continue;
    }
    std::istringstream lines(formats::read_text(file));
    for (std::string line; std::getline(lines, line);) {
      print(line, run.predict_sentence(line), options.json);
    }
  }
  return 0;
}

int run_generate(const GenerateOptions& options) {
  train::LoadedRun run(train::RunFolder::open(options.run, options.runs));
  std::string text = options.prompt;
  fmt::print("{}", text);
  run.generate(options.prompt, options.tokens, options.temperature,
               static_cast<uint64_t>(options.seed), [&](const std::string& token) {
                 text += token;
                 fmt::print("{}", token);
                 std::fflush(stdout);
               });
  fmt::print("\n");
  if (options.json)
    fmt::print("{}\n", json_line({{"text", text}, {"tokens", int64_t{options.tokens}}}));
  return 0;
}

}  // namespace suan::app
