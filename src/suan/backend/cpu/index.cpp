// Gather copies whole rows. Scatter cuts the result into parts that one thread each owns, by
// columns where rows are long and by positions where they are short, and goes through the indices
// in order, so that sums do not depend on the number of threads.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/index.h"

#include <algorithm>
#include <cstring>

#include "suan/backend/cpu/indexed_call.h"
#include "suan/backend/cpu/move.h"
#include "suan/base/threads.h"
#include "suan/ops/gather.h"
#include "suan/ops/segment.h"

namespace suan::cpu {
namespace {

constexpr int64_t kGrain = 1 << 15;  // bytes worth a thread

class GatherCall final : public IndexedCall {
 public:
  explicit GatherCall(const Node& node) : IndexedCall(node, node.attr<GatherAttrs>().axis) {}
  void run(const KernelArgs& args) const override {
    const int64_t* at = positions(args);
    if (!at) return;
    switch (inner_ == 1 ? element_ : 0) {
      case 2:
        return copy_elements<uint16_t>(args, at);
      case 4:
        return copy_elements<uint32_t>(args, at);
      case 8:
        return copy_elements<uint64_t>(args, at);
      default:
        return copy_rows(args, at);
    }
  }

 private:
  void copy_rows(const KernelArgs& args, const int64_t* at) const {
    const size_t bytes = static_cast<size_t>(inner_) * element_;
    const auto step = static_cast<int64_t>(bytes);
    parallel_for(outer_ * count_, kGrain / std::max<int64_t>(1, step) + 1,
                 [&](int64_t begin, int64_t end) {
                   int64_t o = begin / count_, j = begin % count_;
                   for (int64_t i = begin; i < end; ++i) {
                     std::memcpy(args.out[0].as<char>() + i * step,
                                 args.in[0].as<char>() + (o * size_ + at[j]) * step, bytes);
                     if (++j == count_) j = 0, ++o;
                   }
                 });
  }
  template <class T>
  void copy_elements(const KernelArgs& args, const int64_t* at) const {
    parallel_for(outer_, kGrain / (8 * std::max<int64_t>(1, count_)) + 1,
                 [&](int64_t begin, int64_t end) {
                   for (int64_t o = begin; o < end; ++o) {
                     const T* x = args.in[0].as<T>() + o * size_;
                     T* y = args.out[0].as<T>() + o * count_;
                     for (int64_t j = 0; j < count_; ++j) y[j] = x[at[j]];
                   }
                 });
  }
};

class ScatterCall final : public IndexedCall {
 public:
  explicit ScatterCall(const Node& node)
      : IndexedCall(node, node.attr<ScatterAttrs>().axis),
        combine_(node.attr<ScatterAttrs>().combine) {}
  void run(const KernelArgs& args) const override {
    const int64_t* at = positions(args);
    if (!at) return;
    visit(args.out[0].type.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      run_as<T>(args, at);
    });
  }

 private:
  template <class T>
  void run_as(const KernelArgs& args, const int64_t* at) const {
    const int64_t bytes = outer_ * (size_ + count_) * inner_ * static_cast<int64_t>(sizeof(T));
    const int64_t most = std::min<int64_t>(num_threads(), std::max<int64_t>(1, bytes / kGrain));
    const bool by_columns = inner_ * static_cast<int64_t>(sizeof(T)) >= 64 * most;
    const int64_t pieces = by_columns ? most : std::min(most, size_);
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        Part part{0, inner_, size_ * p / pieces, size_ * (p + 1) / pieces};
        if (by_columns) part = {inner_ * p / pieces, inner_ * (p + 1) / pieces, 0, size_};
        for (int64_t o = 0; o < outer_; ++o) fill_part<T>(args, at, o, part);
      }
    });
  }

  template <class T>
  void fill_part(const KernelArgs& args, const int64_t* at, int64_t o, const Part& part) const {
    const T* x = args.in[0].as<T>() + o * size_ * inner_;
    const T* updates = args.in[2].as<T>() + o * count_ * inner_;
    T* y = args.out[0].as<T>() + o * size_ * inner_;
    if (part.c0 == 0 && part.c1 == inner_) {
      std::copy(x + part.p0 * inner_, x + part.p1 * inner_, y + part.p0 * inner_);
    } else {
      for (int64_t p = part.p0; p < part.p1; ++p) {
        std::copy(x + p * inner_ + part.c0, x + p * inner_ + part.c1, y + p * inner_ + part.c0);
      }
    }
    for (int64_t j = 0; j < count_; ++j) {
      if (at[j] < part.p0 || at[j] >= part.p1) continue;
      T* to = y + at[j] * inner_;
      const T* from = updates + j * inner_;
      combine_row(to + part.c0, from + part.c0, part.c1 - part.c0);
    }
  }

  template <class T>
  void combine_row(T* to, const T* from, int64_t n) const {
    const auto each = [&](auto f) {
      for (int64_t c = 0; c < n; ++c) to[c] = f(to[c], from[c]);
    };
    switch (combine_) {
      case Combine::set:
        std::copy(from, from + n, to);
        return;
      case Combine::add:
        return each([](T a, T b) { return sum(a, b); });
      case Combine::mul:
        return each([](T a, T b) { return product(a, b); });
      case Combine::max:
        return each([](T a, T b) { return b > a || b != b ? b : a; });
      case Combine::min:
        return each([](T a, T b) { return b < a || b != b ? b : a; });
    }
  }

  template <class T>
  static T product(T a, T b) {
    if constexpr (std::is_same_v<T, bool>) {
      return a && b;
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    } else {
      return static_cast<T>(a * b);
    }
  }

  template <class T>
  static T sum(T a, T b) {
    if constexpr (std::is_same_v<T, bool>) {
      return a || b;
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    } else {
      return static_cast<T>(a + b);
    }
  }

  Combine combine_;
};

// Each thread owns some columns or, where rows are short, some segments, as with scatter.
class SegmentMaxCall final : public IndexedCall {
 public:
  explicit SegmentMaxCall(const Node& node) : IndexedCall(node, 0) {
    size_ = node.attr<SegmentAttrs>().count;
  }
  size_t scratch_bytes() const override {
    const int64_t flags = kMostPieces * size_;
    return IndexedCall::scratch_bytes() + static_cast<size_t>(flags);
  }
  void run(const KernelArgs& args) const override {
    const int64_t* at = positions(args);
    if (!at) return;
    visit(args.out[0].type.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      const int64_t bytes = (size_ + count_) * inner_ * static_cast<int64_t>(sizeof(T));
      const int64_t most = std::min(
          {kMostPieces, static_cast<int64_t>(num_threads()), std::max<int64_t>(1, bytes / kGrain)});
      const bool by_columns = inner_ * static_cast<int64_t>(sizeof(T)) >= 64 * most;
      const int64_t pieces = by_columns ? most : std::min(most, size_);
      parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          Part part{0, inner_, size_ * p / pieces, size_ * (p + 1) / pieces};
          if (by_columns) part = {inner_ * p / pieces, inner_ * (p + 1) / pieces, 0, size_};
          fill_part<T>(args, at, part, p);
        }
      });
    });
  }

 private:
  static constexpr int64_t kMostPieces = 64;

  template <class T>
  void fill_part(const KernelArgs& args, const int64_t* at, const Part& part, int64_t piece) const {
    const T* x = args.in[0].as<T>();
    T* y = args.out[0].as<T>();
    auto* filled = reinterpret_cast<bool*>(static_cast<int64_t*>(args.scratch) + count_);
    filled += piece * size_;
    std::fill_n(filled, size_, false);
    for (int64_t p = part.p0; p < part.p1; ++p) {
      std::fill(y + p * inner_ + part.c0, y + p * inner_ + part.c1, T{});
    }
    for (int64_t j = 0; j < count_; ++j) {
      if (at[j] < part.p0 || at[j] >= part.p1) continue;
      T* to = y + at[j] * inner_;
      const T* from = x + j * inner_;
      if (!filled[at[j]]) {
        std::copy(from + part.c0, from + part.c1, to + part.c0);
        filled[at[j]] = true;
        continue;
      }
      for (int64_t c = part.c0; c < part.c1; ++c) {
        const bool better = from[c] > to[c] || (from[c] != from[c] && to[c] == to[c]);
        to[c] = better ? from[c] : to[c];
      }
    }
  }
};

}  // namespace

std::unique_ptr<Call> make_segment_max_call(const Node& node) {
  return std::make_unique<SegmentMaxCall>(node);
}
std::unique_ptr<Call> make_gather_call(const Node& node) {
  return std::make_unique<GatherCall>(node);
}
const char* scatter_why_not(const Node& node) {
  return node.types[0].shape.numel() == 0 ? "there is nothing to fill" : plain_why_not(node);
}
std::unique_ptr<Call> make_scatter_call(const Node& node) {
  return std::make_unique<ScatterCall>(node);
}

}  // namespace suan::cpu
