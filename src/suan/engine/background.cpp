// POSIX threads, as std::thread has no join that does not wait.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/background.h"

#include <atomic>

#include "suan/base/thread_role.h"

namespace suan {

struct Background::Piece {
  std::function<void()> work;
  std::atomic<bool> done{false};
};

Background::~Background() {
  for (pthread_t thread : threads_) pthread_join(thread, nullptr);
}

bool Background::busy() const { return piece_ && !piece_->done.load(std::memory_order_acquire); }

void* Background::run(void* piece) {
  const std::unique_ptr<std::shared_ptr<Piece>> own(static_cast<std::shared_ptr<Piece>*>(piece));
  become_background_thread();
  (*own)->work();
  (*own)->work = nullptr;
  (*own)->done.store(true, std::memory_order_release);
  return nullptr;
}

bool Background::start(std::function<void()> work) {
  std::erase_if(threads_,
                [](pthread_t thread) { return pthread_tryjoin_np(thread, nullptr) == 0; });
  auto piece = std::make_shared<Piece>();
  piece->work = std::move(work);
  auto own = std::make_unique<std::shared_ptr<Piece>>(piece);
  pthread_t thread{};
  if (pthread_create(&thread, nullptr, run, own.get()) != 0) return false;
  own.release();  // NOLINT: the thread has it now
  threads_.push_back(thread);
  piece_ = std::move(piece);
  return true;
}

}  // namespace suan
