// Windows of a token array.
// SPDX-License-Identifier: Apache-2.0
#include "suan/data/text_corpus.h"

#include <algorithm>

#include "suan/base/error.h"

namespace suan::data {

TextCorpus::TextCorpus(Array tokens, int64_t vocabulary, Options options)
    : tokens_(std::move(tokens)), vocabulary_(vocabulary), options_(options) {
  if (tokens_.dtype != DType::i32 || tokens_.shape.rank() != 1) {
    fail("text corpus", "tokens are i32 [n], got {} {}", name(tokens_.dtype),
         to_string(tokens_.shape));
  }
  const int64_t context = options_.context, count = tokens_.numel();
  if (context < 1 || count <= context) {
    fail("text corpus", "got {} tokens, a window of context {} needs {}", count, context,
         std::max<int64_t>(context, 1) + 1);
  }
  for (int64_t i = 0; i < count; ++i) {
    const int32_t token = tokens_.as<int32_t>()[i];
    if (token < 0 || token >= vocabulary) {
      fail(ErrorCode::kOutOfRange, "text corpus", "token {} at {} is outside the vocabulary of {}",
           token, i, vocabulary);
    }
  }
  samples_ = options_.random && options_.samples > 0 ? options_.samples : (count - 1) / context;
}

SampleSpec TextCorpus::spec() const {
  return {.x_dtype = DType::i64,
          .x_shape = {options_.context},
          .y_dtype = DType::i64,
          .y_shape = {options_.context},
          .classes = vocabulary_};
}

void TextCorpus::read(int64_t index, Random& random, void* x, void* y) const {
  const int64_t context = options_.context;
  const int64_t start =
      options_.random ? random.randint(0, tokens_.numel() - context) : index * context;
  const int32_t* from = tokens_.as<int32_t>() + start;
  std::copy_n(from, context, static_cast<int64_t*>(x));
  std::copy_n(from + 1, context, static_cast<int64_t*>(y));
}

}  // namespace suan::data
