// Measuring kernels, and the places where choices are remembered.
// SPDX-License-Identifier: Apache-2.0
#include "suan/program/choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <utility>

#include "suan/backend/device.h"
#include "suan/base/buffer.h"
#include "suan/base/error.h"
#include "suan/base/file.h"
#include "suan/base/thread_role.h"
#include "suan/base/threads.h"
#include "suan/ops/op.h"
#include "suan/target/machine.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace suan {
namespace {

using Clock = std::chrono::steady_clock;
using Candidates = std::vector<const Kernel*>;

constexpr double kWorthMeasuring = 2e6;  // FLOPs; below, the table's order is good enough
constexpr double kBetter = 0.97;  // a later kernel must take less than this share of the time
constexpr int kRuns = 5;          // at most, after one that warms up
constexpr double kSeconds = 0.1;  // at most, for one kernel

thread_local bool small_memory = false;
constexpr const char* kSmall = " small";  // ends the key of what was chosen of fewer kernels

// The kernels of a backend that may run the node.
Candidates candidates_for(const Backend& backend, const Node& node) {
  Candidates all = own_kernels(backend, node);
  const auto hungry = [](const Kernel* kernel) { return kernel->spends_memory; };
  if (small_memory && !std::all_of(all.begin(), all.end(), hungry)) std::erase_if(all, hungry);
  return all;
}

// Everything that the time of a node's kernel depends on.
std::string key_of(const Backend& backend, const Node& node) {
  std::string key =
      fmt::format("{} {}{} {}", backend.device ? backend.device->name() : std::string(backend.name),
                  node.op->name, node.attrs.text(), num_threads());
  if (exact_mode()) key += " exact";
  for (const auto& region : node.regions) {
    for (const NodePtr& inner : region->nodes()) {
      if (inner->op->infer) key += fmt::format(" {}{{{}}}", inner->op->name, inner->attrs.text());
    }
  }
  const auto add = [&](const Type& type, Layout layout) {
    key += ' ' + to_string(type);
    if (layout != Layout::plain) key += fmt::format(" {}", name(layout));
  };
  for (const Tensor& t : node.inputs) {
    if (t) {
      add(t.type(), layout_of(t));
      if (is(t.node(), Op::constant)) key += " const";  // may be packed beforehand
    } else {
      key += " _";
    }
  }
  key += " ->";
  for (size_t i = 0; i < node.types.size(); ++i) {
    add(node.types[i], node.layout(static_cast<int>(i)));
  }
  return key;
}

// Numbers of ordinary size in every float dtype, and indices that are in range everywhere.
BufferPtr made_up(const Type& type) {
  BufferPtr buffer = Buffer::allocate(type.bytes());
  if (!is_float(type.dtype)) {
    std::fill_n(buffer->as<char>(), type.bytes(), char{0});
    return buffer;
  }
  visit(type.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    uint32_t state = 1;
    T* data = buffer->as<T>();
    for (int64_t i = 0; i < type.shape.numel(); ++i) {
      state = state * 1664525u + 1013904223u;  // Knuth's generator: no need for more
      data[i] = static_cast<T>(static_cast<float>(static_cast<int32_t>(state)) * 0x1p-32f);
    }
  });
  return buffer;
}

// Weights that are larger than a core's cache come from memory when a program runs, since what
// other nodes read lies between two uses of them; so they must when kernels are compared.
void evict_weights(const Node& node, const Call& call, std::span<const Operand> operands,
                   std::span<const BufferPtr> packs) {
#if defined(__x86_64__)
  constexpr size_t kStays = size_t{1} << 20, kLine = 64, kMost = size_t{32} << 20;
  const auto evict = [=](const void* data, size_t bytes) {
    if (bytes < kStays) return;
    const auto lines = static_cast<int64_t>(std::min(bytes, kMost) / kLine);
    parallel_for(lines, 1 << 12, [&](int64_t begin, int64_t end) {
      const char* line = static_cast<const char*>(data) + begin * static_cast<int64_t>(kLine);
      for (int64_t i = begin; i < end; ++i, line += kLine) _mm_clflush(line);
      _mm_mfence();
    });
  };
  for (const BufferPtr& pack : packs) evict(pack->data(), pack->bytes());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const Tensor& t = node.inputs[i];
    const bool plain = call.packed_bytes(static_cast<int>(i)) == 0;
    if (t && plain && is(t.node(), Op::constant)) evict(operands[i].data, t.type().bytes());
  }
#endif
}

// Operands of a node on made-up data, where the kernels work.
class Rehearsal {
 public:
  Rehearsal(const Node& node, Device* device) : inputs_(node.inputs.size()), device_(device) {
    const auto add = [&](const Type& type, Layout layout, bool given) {
      blocks_.push_back(given ? made_up(type) : Buffer::allocate(device ? 0 : type.bytes()));
      operands_.push_back({device ? sent(type, given) : blocks_.back()->data(), type, layout});
    };
    for (const Tensor& t : node.inputs) {
      if (t) {
        add(t.type(), layout_of(t), true);
      } else {
        operands_.emplace_back();
      }
    }
    for (size_t i = 0; i < node.types.size(); ++i) {
      add(node.types[i], node.layout(static_cast<int>(i)), false);
    }
  }

  double seconds(const Kernel& kernel, const Node& node) {
    const auto call = make_call(kernel, node);
    if (device_) return device_seconds(*call);
    const BufferPtr scratch = Buffer::allocate(call->scratch_bytes());
    std::vector<BufferPtr> packs;
    std::vector<Operand> operands = operands_;
    pack_inputs(*call, std::span(operands).first(inputs_), packs);
    const std::span<const Operand> all(operands);
    const KernelArgs args{all.first(inputs_), all.subspan(inputs_), scratch->data(), errors_};
    call->run(args);
    double best = 1e30, total = 0;
    for (int i = 0; i < kRuns && total < kSeconds; ++i) {
      evict_weights(node, *call, all.first(inputs_), packs);
      const auto start = Clock::now();
      call->run(args);
      const double took = std::chrono::duration<double>(Clock::now() - start).count();
      best = std::min(best, took);
      total += took;
    }
    return best;
  }

 private:
  size_t inputs_;
  std::vector<BufferPtr> blocks_;
  std::vector<Operand> operands_;
  // Uploads the block that was made last.
  void* sent(const Type& type, bool given) {
    sent_.push_back(device_->allocate(std::max<size_t>(type.bytes(), 1)));
    void* at = sent_.back()->address();
    if (given) device_->upload(at, blocks_.back()->data(), type.bytes());
    blocks_.back().reset();
    return at;
  }
  double device_seconds(const Call& call) {
    const DeviceBlockPtr scratch = device_->allocate(std::max<size_t>(call.scratch_bytes(), 1));
    const BufferPtr fault = device_->allocate_shared(sizeof(Fault));
    *fault->as<Fault>() = {};
    const std::span<const Operand> all(operands_);
    const KernelArgs args{.in = all.first(inputs_),
                          .out = all.subspan(inputs_),
                          .scratch = scratch->address(),
                          .errors = errors_,
                          .device = device_,
                          .fault = fault->as<Fault>()};
    const auto run = [&] { call.run(args); };
    run();
    double best = 1e30;
    for (int i = 0; i < kRuns; ++i) best = std::min(best, device_->seconds_of(run));
    device_->wait();
    return best;
  }

  Device* device_;
  std::vector<DeviceBlockPtr> sent_;
  RunErrors errors_;
};

struct Choice {
  std::string kernel;
  std::vector<KernelTime> times;
};

// The cache file: a line that names the program and the machine, then one line a choice: the key, a
// tab, the kernels and their times in milliseconds, the chosen one first.
class TimingCache {
 public:
  std::map<std::string, Choice> load() {
    const std::string folder = cache_folder();
    if (folder.empty()) return {};
    path_ = folder + "/kernels.txt";
    head_ = fmt::format("suan {} {}", SUAN_VERSION, cpu_model());
    std::map<std::string, Choice> choices;
    std::ifstream in(path_);
    std::string line;
    if (!std::getline(in, line) || line != head_) return choices;
    fresh_ = false;
    while (std::getline(in, line)) read_line(line, choices);
    return choices;
  }

  // Failing only means measuring again next time.
  void add(const std::string& key, const Choice& choice) {
    if (path_.empty()) return;
    std::string text = key + '\t';
    for (const KernelTime& t : choice.times) {
      text += fmt::format("{} {:.4g} ", t.kernel, t.seconds * 1e3);
    }
    text += '\n';
    if (fresh_) text.insert(0, head_ + '\n');
    std::FILE* file = std::fopen(path_.c_str(), fresh_ ? "we" : "ae");
    if (!file) return;
    fresh_ = false;
    std::fwrite(text.data(), 1, text.size(), file);  // one write: lines of two processes stay whole
    std::fclose(file);
  }

 private:
  static void read_line(const std::string& line, std::map<std::string, Choice>& choices) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos) return;
    std::istringstream fields(line.substr(tab + 1));
    Choice choice;
    KernelTime time;
    while (fields >> time.kernel >> time.seconds) {
      time.seconds /= 1e3;
      choice.times.push_back(time);
    }
    if (choice.times.empty()) return;
    choice.kernel = choice.times[0].kernel;
    choices[line.substr(0, tab)] = std::move(choice);
  }

  std::string path_, head_;
  bool fresh_ = true;
};

class Choices {
 public:
  const Kernel* choose(const Backend& backend, const Node& node, const Candidates& candidates) {
    const std::string plain = key_of(backend, node);
    const std::string key = plain + (small_memory ? kSmall : "");
    const std::lock_guard lock(mutex_);
    if (const Kernel* kernel = find(made_, plain, candidates)) return kernel;
    if (const Kernel* kernel = find(made_, key, candidates)) return kernel;
    if (reproducible_mode()) return remember(key, {candidates[0]->name, {}}, candidates[0]);
    if (!cached_) cached_ = cache_.load();
    const Kernel* kernel = find(*cached_, key, candidates);
    if (kernel && knows(cached_->at(key), candidates)) {
      return remember(key, cached_->at(key), kernel);
    }
    if (is_background_thread()) return candidates[0];
    const Choice choice = measure(node, candidates, backend.device);
    if (is_whole(choice)) cache_.add(key, choice);
    return remember(key, choice, find_named(candidates, choice.kernel));
  }

  std::vector<KernelTime> times(const std::string& key) {
    const std::lock_guard lock(mutex_);
    auto it = made_.find(key);
    if (it == made_.end()) it = made_.find(key + kSmall);
    return it == made_.end() ? std::vector<KernelTime>() : it->second.times;
  }

  std::string record() {
    const std::lock_guard lock(mutex_);
    std::string text;
    for (const auto& [key, choice] : made_) text += key + '\t' + choice.kernel + '\n';
    return text;
  }

  void load(std::string_view text, const std::string& where) {
    std::map<std::string, Choice> read;
    std::istringstream lines{std::string(text)};
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      const size_t tab = line.find('\t');
      if (tab == std::string::npos || tab == 0 || tab + 1 == line.size()) {
        fail(ErrorCode::kBadFile, fmt::format("{}:{}", where, number),
             "got '{}', expected a node, a tab and a kernel", line.substr(0, 60));
      }
      read[line.substr(0, tab)].kernel = line.substr(tab + 1);
    }
    const std::lock_guard lock(mutex_);
    for (auto& [key, choice] : read) made_[key] = std::move(choice);
  }

 private:
  // A choice that was made before a kernel was there is made again.
  static bool knows(const Choice& choice, const Candidates& candidates) {
    return std::all_of(candidates.begin(), candidates.end(), [&](const Kernel* kernel) {
      return std::any_of(choice.times.begin(), choice.times.end(),
                         [&](const KernelTime& t) { return t.kernel == kernel->name; });
    });
  }
  static const Kernel* find_named(const Candidates& candidates, std::string_view name) {
    const auto it = std::find_if(candidates.begin(), candidates.end(),
                                 [&](const Kernel* k) { return name == k->name; });
    return it == candidates.end() ? nullptr : *it;
  }
  static const Kernel* find(const std::map<std::string, Choice>& choices, const std::string& key,
                            const Candidates& candidates) {
    const auto it = choices.find(key);
    return it == choices.end() ? nullptr : find_named(candidates, it->second.kernel);
  }
  const Kernel* remember(const std::string& key, const Choice& choice, const Kernel* kernel) {
    made_[key] = choice;
    return kernel;
  }

  static constexpr double kNoRoom = 1e30;  // seconds of what had no memory to be tried out
  // Whether there is a time of every kernel. If not, there may be more memory next time.
  static bool is_whole(const Choice& choice) {
    return std::none_of(choice.times.begin(), choice.times.end(),
                        [](const KernelTime& t) { return t.seconds == kNoRoom; });
  }
  static double seconds_of(Rehearsal& rehearsal, const Kernel& kernel, const Node& node) {
    try {
      return rehearsal.seconds(kernel, node);
    } catch (const OutOfDeviceMemory&) {
      return kNoRoom;
    }
  }

  static Choice measure(const Node& node, const Candidates& candidates, Device* device) {
    Rehearsal rehearsal(node, device);
    Choice choice;
    size_t best = 0;
    for (const Kernel* kernel : candidates) {
      choice.times.push_back({kernel->name, seconds_of(rehearsal, *kernel, node)});
      if (choice.times.back().seconds < kBetter * choice.times[best].seconds) {
        best = choice.times.size() - 1;
      }
    }
    std::swap(choice.times[0], choice.times[best]);
    choice.kernel = choice.times[0].kernel;
    return choice;
  }

  std::mutex mutex_;
  std::map<std::string, Choice> made_;
  std::optional<std::map<std::string, Choice>> cached_;
  TimingCache cache_;
};

Choices& choices() {
  static Choices all;
  return all;
}

}  // namespace

SmallMemory::SmallMemory(bool wanted) : before_(std::exchange(small_memory, wanted)) {}
SmallMemory::~SmallMemory() { small_memory = before_; }

const Kernel* choose_kernel(const Backend& backend, const Node& node) {
  const Candidates candidates = candidates_for(backend, node);
  if (candidates.empty())
    return backend.fallback ? choose_kernel(*backend.fallback, node) : nullptr;
  if (candidates.size() == 1 || cost_of(node).flops < kWorthMeasuring) return candidates[0];
  return choices().choose(backend, node, candidates);
}

std::vector<KernelTime> measured_times(const Backend& backend, const Node& node) {
  return choices().times(key_of(backend, node));
}

std::string kernel_record() { return choices().record(); }
void load_kernel_record(std::string_view text, const std::string& where) {
  choices().load(text, where);
}

}  // namespace suan
