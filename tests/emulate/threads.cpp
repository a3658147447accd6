// The threads of a launch as fibers of one thread of the system: blocks one after another, the
// threads of a block in turn, each until it waits for others. The order is that of their numbers,
// or the reverse: what depends on it is a race. SPDX-License-Identifier: Apache-2.0
#include "tests/emulate/threads.h"

#include <ucontext.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "suan/base/error.h"

namespace emulate {

extern "C" {
__attribute__((visibility("default"))) Position suan_emulate_position;
}

namespace {

constexpr size_t kStack = size_t{256} << 10;

enum class State { ready, waits_block, waits_warp, ended };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStack]};
};

struct Thread {
  State state = State::ready;
  Fiber* fiber = nullptr;
  unsigned char value[32];  // what it gives to its warp
};

class Block {
 public:
  void run(Run kernel, const void* params, unsigned count, bool reverse) {
    kernel_ = kernel;
    params_ = params;
    threads_.assign(count, {});
    order_.resize(count);
    for (unsigned i = 0; i < count; ++i) order_[i] = reverse ? count - 1 - i : i;
    next_ = 0;
    unsigned ended = 0;
    while (ended < count) {
      const unsigned before = ended;
      bool moved = false;
      while (next_ < count) {  // a new fiber takes the threads that have not begun, in order
        switch_to(fresh_fiber());
        moved = true;
      }
      for (unsigned i : order_) {
        Thread& t = threads_[i];
        if (t.state != State::ready || !t.fiber) continue;
        moved = true;
        current_ = i;
        set_position(i);
        switch_to(t.fiber);
      }
      ended = static_cast<unsigned>(std::count_if(threads_.begin(), threads_.end(),
                                                  [](auto& t) { return t.state == State::ended; }));
      if (release() || moved || ended != before) continue;
      suan::fail(suan::ErrorCode::kSystem, "emulator", "threads of a block wait for each other");
    }
  }

  void wait(State for_what) {
    Thread& t = threads_[current_];
    t.state = for_what;
    t.fiber = running_;
    swapcontext(&running_->context, &scheduler_);
  }
  void exchange(const void* mine, void* all, unsigned bytes) {
    if (bytes > sizeof(Thread::value)) {
      suan::fail(suan::ErrorCode::kSystem, "emulator", "a shuffle of {} bytes", bytes);
    }
    const unsigned me = current_;
    std::memcpy(threads_[me].value, mine, bytes);
    wait(State::waits_warp);
    const unsigned first = me / 32 * 32;
    std::memset(all, 0, 32 * static_cast<size_t>(bytes));
    for (unsigned i = first; i < std::min<size_t>(first + 32, threads_.size()); ++i) {
      std::memcpy(static_cast<char*>(all) + size_t{i - first} * bytes, threads_[i].value, bytes);
    }
    wait(State::waits_warp);  // nobody gives another value before all have read
  }
  std::vector<unsigned char> shared;

 private:
  static void enter() { the_block().work(); }
  // What a fiber does: it begins threads until there are none left. Where one waits, the fiber is
  // that thread's alone until it ends.
  void work() {
    for (;;) {
      while (next_ < threads_.size()) {
        const unsigned me = order_[next_++];
        current_ = me;
        set_position(me);
        Fiber* const mine = running_;
        kernel_(params_);
        threads_[me].state = State::ended;
        if (running_ != mine || threads_[me].fiber) break;  // it has waited: back to the others
      }
      free_.push_back(running_);
      swapcontext(&running_->context, &scheduler_);
    }
  }
  static void set_position(unsigned i) { suan_emulate_position.thread = {i, 0, 0}; }

  Fiber* fresh_fiber() {
    if (!free_.empty()) {
      Fiber* fiber = free_.back();
      free_.pop_back();
      return fiber;
    }
    all_.push_back(std::make_unique<Fiber>());
    prepare(all_.back()->context, all_.back()->stack.get());
    return all_.back().get();
  }
  static void prepare(ucontext_t& context, char* stack) {
    getcontext(&context);
    context.uc_stack.ss_sp = stack;
    context.uc_stack.ss_size = kStack;
    context.uc_link = nullptr;
    makecontext(&context, enter, 0);
  }
  void switch_to(Fiber* fiber) {
    running_ = fiber;
    swapcontext(&scheduler_, &fiber->context);
  }

  // Lets go on whoever waits for others that are all there.
  bool release() {
    bool any = false;
    for (size_t first = 0; first < threads_.size(); first += 32) {
      const auto begin = threads_.begin() + static_cast<std::ptrdiff_t>(first);
      const auto end =
          threads_.begin() + static_cast<std::ptrdiff_t>(std::min(first + 32, threads_.size()));
      any = release(begin, end, State::waits_warp) || any;
    }
    return release(threads_.begin(), threads_.end(), State::waits_block) || any;
  }
  template <class It>
  static bool release(It begin, It end, State state) {
    bool some = false;
    for (It t = begin; t != end; ++t) {
      if (t->state != state && t->state != State::ended) return false;
      some = some || t->state == state;
    }
    for (It t = begin; t != end; ++t) {
      if (t->state == state) t->state = State::ready;
    }
    return some;
  }

  static Block& the_block();
  friend Block& block();

  Run kernel_ = nullptr;
  const void* params_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<unsigned> order_;
  unsigned next_ = 0, current_ = 0;
  ucontext_t scheduler_{};
  Fiber* running_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> free_;
};

Block& block() {
  static Block block;
  return block;
}
Block& Block::the_block() { return block(); }

std::map<std::string, Run, std::less<>>& registry() {
  static std::map<std::string, Run, std::less<>> kernels;
  return kernels;
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) void suan_emulate_sync_block() {
  block().wait(State::waits_block);
}
__attribute__((visibility("default"))) void suan_emulate_exchange(const void* mine, void* all,
                                                                  unsigned bytes) {
  block().exchange(mine, all, bytes);
}
__attribute__((visibility("default"))) unsigned char* suan_emulate_shared() {
  return block().shared.data();
}
__attribute__((visibility("default"))) void suan_emulate_register(const char* name, Run run) {
  registry()[name] = run;
}
}

Run find_kernel(std::string_view name) {
  const auto found = registry().find(name);
  return found == registry().end() ? nullptr : found->second;
}

void run_grid(Run kernel, const void* params, const unsigned (&blocks)[3], unsigned threads,
              size_t shared_bytes) {
  static bool reverse = false;
  reverse = !reverse;
  suan_emulate_position.block_size = {threads, 1, 1};
  suan_emulate_position.grid = {blocks[0], blocks[1], blocks[2]};
  for (unsigned z = 0; z < blocks[2]; ++z) {
    for (unsigned y = 0; y < blocks[1]; ++y) {
      for (unsigned x = 0; x < blocks[0]; ++x) {
        block().shared.assign(shared_bytes, 0xcd);
        suan_emulate_position.block = {x, y, z};
        block().run(kernel, params, threads, reverse);
      }
    }
  }
}

}  // namespace emulate
