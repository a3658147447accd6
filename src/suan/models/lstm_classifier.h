// A classifier of token sequences.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "suan/graph/attrs.h"
#include "suan/nn/dropout.h"
#include "suan/nn/embedding.h"
#include "suan/nn/linear.h"
#include "suan/nn/recurrent.h"

namespace suan::models {

// What stands for the whole sequence: the mean or the maximum over its steps, or the last state.
enum class SequencePool : uint8_t { mean, max, last };
std::span<const std::string_view> enum_names(SequencePool pool);

struct LstmClassifierOptions {
  int64_t vocabulary = 10'000;
  int64_t width = 128;  // of the embedding
  int64_t hidden = 128;
  int64_t layers = 1;
  bool bidirectional = true;
  SequencePool pool = SequencePool::max;
  double dropout = 0.5;  // of the embedding, between layers and before the last layer
  int64_t classes = 2;

  static constexpr auto fields() {
    return std::tuple{Field{"vocabulary", &LstmClassifierOptions::vocabulary},
                      Field{"width", &LstmClassifierOptions::width},
                      Field{"hidden", &LstmClassifierOptions::hidden},
                      Field{"layers", &LstmClassifierOptions::layers},
                      Field{"bidirectional", &LstmClassifierOptions::bidirectional},
                      Field{"pool", &LstmClassifierOptions::pool},
                      Field{"dropout", &LstmClassifierOptions::dropout},
                      Field{"classes", &LstmClassifierOptions::classes}};
  }
};

// Embedding (token 0 is padding), LSTM, pooling over the real steps, linear layer.
struct LstmClassifier : nn::Module {
  explicit LstmClassifier(LstmClassifierOptions options = {});
  // tokens i64 [n, time], lengths i64 [n] (1 or more each); gives [n, classes].
  Tensor operator()(const Tensor& tokens, const Tensor& lengths) const;

  nn::Embedding embedding;
  nn::Dropout dropout;
  nn::Lstm lstm;
  nn::Linear head;
  SUAN_MEMBERS(embedding, dropout, lstm, head)

 private:
  LstmClassifierOptions options_;
};

}  // namespace suan::models
