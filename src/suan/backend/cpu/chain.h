// Chains: elementwise rows that hand their value on in registers. A chain is an array of links;
// each link's function works on a block of eight vectors and jumps to the next link's, so only the
// ends of a chain touch the cache.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>

#include "suan/graph/op_def.h"

namespace suan::cpu {

// The generic form of the link functions, whose vector arguments depend on the instruction set.
using LinkFunction = void (*)();

struct Link {
  LinkFunction run;
  const float* p;  // first operand beside the chain's value, or where a store goes
  const float* q;  // second one
};

// What a link's operands are, beside the value that comes along the chain.
enum class Along : uint8_t {
  only,        // f(value)
  left,        // f(value, p)
  right,       // f(p, value)
  condition,   // select(value, p, q)
  then_value,  // select(p, value, q)
  else_value,  // select(p, q, value)
};
// Bit 0 of `scalars`: p is one number; bit 1: q is. Null where there is no such link (p of
// then_value and else_value, the condition, is never one number).
LinkFunction find_link(Op op, Along along, unsigned scalars);
LinkFunction load_link(bool scalar);  // starts a chain with p
LinkFunction store_link();            // writes the value to p and goes on
LinkFunction end_link();              // writes the value to p and ends the chain
LinkFunction end_stream_link();       // the same past the caches; p is 64-byte aligned

size_t chain_block();  // floats that a chain handles at once
// Elements [from, to), both multiples of chain_block().
void run_chain(const Link* chain, size_t from, size_t to);

}  // namespace suan::cpu
