// Work beside requests: one piece at a time, each on a thread of its own that runs when a core has
// nothing else to do. Nobody who starts a piece or asks for its end waits for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <pthread.h>

#include <functional>
#include <memory>
#include <vector>

namespace suan {

class Background {
 public:
  Background() = default;
  ~Background();  // waits for all threads
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Whether a piece is under way. Once it is not, what the piece has written can be read.
  bool busy() const;
  // Starts a piece; none may be under way. False: there is no thread for it.
  bool start(std::function<void()> work);

 private:
  struct Piece;
  static void* run(void* piece);
  std::shared_ptr<Piece> piece_;
  std::vector<pthread_t> threads_;
};

}  // namespace suan
