// A text as training data for a language model: windows of tokens and the same moved by one.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/data/dataset.h"

namespace suan::data {

// Samples x = tokens[s, s + context) and y = tokens[s + 1, s + context + 1), both i64 [context].
class TextCorpus : public Dataset {
 public:
  struct Options {
    int64_t context = 256;
    // True: each sample is a window at a random place. False: the windows follow one another, as
    // for evaluation; what is left at the end is not read.
    bool random = true;
    int64_t samples = 0;  // an epoch's length for random windows; 0: as many as fit side by side
  };
  // `tokens` is i32 [n], each in [0, vocabulary). Throws Error when the text is too short for one
  // window, Error(kOutOfRange) for a token outside.
  TextCorpus(Array tokens, int64_t vocabulary, Options options);

  int64_t size() const override { return samples_; }
  SampleSpec spec() const override;
  void read(int64_t index, Random& random, void* x, void* y) const override;
  int64_t vocabulary() const { return vocabulary_; }

 private:
  Array tokens_;
  int64_t vocabulary_, samples_ = 0;
  Options options_;
};

}  // namespace suan::data
