// A GPU that computes nothing and whose every launch, copy and clear takes a microsecond, which its
// timeline tells. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suan/backend/cuda/null_gpu.h"

namespace suan {

class TimedGpu final : public cuda::NullGpu {
 public:
  bool tells = true;  // whether it has a timeline

  double seconds_of(const std::function<void()>& work) override {
    const size_t before = sent.size();
    work();
    return 1e-6 * static_cast<double>(sent.size() - before);
  }

  std::unique_ptr<Timeline> timeline(std::string& why_not) override {
    if (!tells) return NullGpu::timeline(why_not);
    why_not.clear();
    return std::make_unique<Sent>(*this);
  }

 private:
  class Sent final : public Timeline {
   public:
    explicit Sent(TimedGpu& gpu) : gpu_(gpu), seen_(gpu.sent.size()) {}
    void mark(int step) override {
      collect();
      step_ = step;
    }
    std::vector<Activity> take() override {
      collect();
      return std::exchange(done_, {});
    }

   private:
    void collect() {
      constexpr int64_t kMicrosecond = 1000;
      for (; seen_ < gpu_.sent.size(); ++seen_, now_ += kMicrosecond) {
        const std::string& name = gpu_.sent[seen_];
        const bool copy = name == "copy" || name == "upload" || name == "download";
        done_.push_back({.kind = copy ? Activity::copy : Activity::kernel,
                         .name = name,
                         .step = step_,
                         .begin = now_,
                         .end = now_ + kMicrosecond,
                         .queue = 7});
      }
    }
    TimedGpu& gpu_;
    size_t seen_;
    int step_ = -1;
    int64_t now_ = 5000;
    std::vector<Activity> done_;
  };
};

}  // namespace suan
