// Ops that only move elements: transpose, broadcast_to, slice, place, concat, all as strided
// copies.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "suan/backend/kernel.h"
#include "suan/backend/strided_copy.h"

namespace suan::cpu {

// A copy of an n-dimensional box between two strided places, planned once: dims that continue each
// other merge, and what is left inside is a run, a repeated element, or a 2-D transpose by tiles.
class Move {
 public:
  Move(std::vector<MoveDim> dims, size_t element);
  void run(const void* from, void* to) const;

 private:
  enum class Inside : uint8_t { run, repeat, swap, stride };
  template <class T>
  void run_as(const T* from, T* to) const;
  void choose_inside();
  void split();

  std::vector<MoveDim> dims_;  // the outer ones, then `rows_` and `line_` apart
  MoveDim line_{1, 1, 1};      // innermost in the destination
  MoveDim rows_{1, 0, 0};      // swap: contiguous in the source
  Inside inside_ = Inside::run;
  int64_t block_ = 1, blocks_ = 1;  // of line_ (of rows_ where inside is a swap): units of work
  int64_t outer_ = 1;
  size_t element_;
};

std::unique_ptr<Call> make_transpose_call(const Node& node);
std::unique_ptr<Call> make_broadcast_call(const Node& node);
std::unique_ptr<Call> make_slice_call(const Node& node);
std::unique_ptr<Call> make_place_call(const Node& node);
std::unique_ptr<Call> make_concat_call(const Node& node);

}  // namespace suan::cpu
