// The tile interpreter. Each instruction runs one row over a tile of floats that stays in L1, so a
// region reads its inputs and writes its outputs once, whatever the number of its nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/fused.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>
#include <unordered_map>

#include "suan/backend/cpu/broadcast.h"
#include "suan/backend/cpu/chain.h"
#include "suan/backend/cpu/tile.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/graph/graph.h"
#include "suan/ops/fused.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

constexpr int64_t kTile = 1024;                    // floats of one tile
constexpr int kMaxRegisters = 96;                  // tiles of one thread
constexpr size_t kStreamBytes = size_t{24} << 20;  // larger outputs do not stay in any cache
constexpr int kMaxValues = 256;
constexpr int kMaxOutputs = 64;
constexpr int kMaxLinks = 3 * kMaxValues;

struct alignas(64) Tile {
  float values[kTile];
};
Tile* thread_tiles() {
  alignas(64) thread_local Tile tiles[kMaxRegisters];
  return tiles;
}

// How an input is read. Broadcast inputs are copied into a tile in runs.
enum class Access : uint8_t { direct, convert, scalar, broadcast };

struct Input {
  Access access = Access::direct;
  LoadFunction load = nullptr;
  size_t element = 4;
  int value = -1;
  Broadcast broadcast;
  bool periodic = false;  // a broadcast whose period divides the tile: filled once
};
// One number of the region per element, or one for all elements (scalar).
struct Value {
  bool scalar = false;
  float number = 0;        // of a `full`
  int written = -1;        // instruction; -1: there from the start
  int last_use = -1;       // instruction
  int reg = -1;            // tile; -1: read where it lies
  int output = -1;         // the f32 output it may be written to without a stop in a tile
  bool read_back = false;  // some link reads it from memory
};
struct Instruction {
  Op op;
  int arity;  // 0: spreads one number over a tile
  TileFunction run;
  int in[3];
  int out;
};
struct Output {
  int value;
  StoreFunction store;
  size_t element;
  std::vector<int> hazards;  // direct inputs that are read after the value is written
};

class FusedCall final : public Call {
 public:
  explicit FusedCall(const Node& node) : region_(region_of(node)) {
    layout_ = node.layout(0);
    logical_ = node.types[0].shape;
    space_ = physical_shape(logical_, layout_);
    for (const Tensor& t : region_->inputs) plan_input(t);
    for (const NodePtr& n : region_->nodes()) {
      if (!is(*n, Op::input)) plan_node(*n);
    }
    for (const Tensor& t : region_->outputs) spread_scalar(t);
    schedule();
    for (const Tensor& t : region_->outputs) plan_output(t);
    assign_registers();
    plan_chains();
    choose_tile();
  }

  void run(const KernelArgs& args) const override {
    parallel_for(parts(), std::max<int64_t>(1, kThreadWork / part_cost()),
                 [&](int64_t begin, int64_t end) { run_parts(args, begin, end); });
  }
  // Parts are whole tiles, so that every thread starts where patterns start.
  int64_t parts() const override { return (space_.numel() + tile_ - 1) / tile_; }
  int64_t part_cost() const override {
    return (static_cast<int64_t>(instructions_.size()) + 2) *
           std::clamp<int64_t>(space_.numel(), 1, tile_);
  }
  void run_parts(const KernelArgs& args, int64_t begin, int64_t end) const override {
    run_range(args, begin * tile_, std::min(end * tile_, space_.numel()));
  }

 private:
  int new_value() {
    values_.emplace_back();
    return static_cast<int>(values_.size()) - 1;
  }
  Value& value(int i) { return values_[static_cast<size_t>(i)]; }

  void plan_input(const Tensor& t) {
    Input in;
    in.load = find_load_function(t.dtype());
    in.element = size_of(t.dtype());
    in.value = new_value();
    if (t.shape().numel() == 1) {
      in.access = Access::scalar;
      value(in.value).scalar = true;
    } else if (t.shape() == logical_) {
      in.access = t.dtype() == DType::f32 ? Access::direct : Access::convert;
    } else {
      in.access = Access::broadcast;
      in.broadcast = plan_broadcast(t.type(), logical_, layout_);
    }
    value_of_[&t.node()] = in.value;
    inputs_.push_back(std::move(in));
  }

  void plan_node(const Node& node) {
    if (is(node, Op::cast)) {  // between dtypes with a float form: the same number
      value_of_[&node] = value_of_.at(&node.inputs[0].node());
      return;
    }
    if (is(node, Op::full)) {
      const int v = value_of_[&node] = new_value();
      value(v).scalar = true;
      value(v).number = static_cast<float>(node.attr<FullAttrs>().value);
      return;
    }
    Instruction instruction{};
    unsigned scalars = 0;
    for (size_t k = 0; k < node.inputs.size(); ++k) {
      instruction.in[k] = value_of_.at(&node.inputs[k].node());
      if (value(instruction.in[k]).scalar) scalars |= 1u << k;
    }
    // There is no variant for a scalar condition, nor for scalars alone: spread one over a tile.
    const bool all = scalars == (1u << node.inputs.size()) - 1;
    if ((node.inputs.size() == 3 && (scalars & 1)) || all) {
      instruction.in[0] = emit({node.op->code, 0, nullptr, {instruction.in[0]}, new_value()});
      scalars &= ~1u;
    }
    instruction.op = node.op->code;
    instruction.arity = static_cast<int>(node.inputs.size());
    instruction.run = find_tile_function(node.op->code, scalars);
    instruction.out = new_value();
    value_of_[&node] = emit(instruction);
  }

  int emit(const Instruction& instruction) {
    value(instruction.out).written = static_cast<int>(instructions_.size());
    instructions_.push_back(instruction);
    return instruction.out;
  }
  static std::span<const int> operands(const Instruction& i) {
    return {i.in, static_cast<size_t>(std::max(1, i.arity))};
  }

  // Orders the instructions so that, where possible, each one uses what the one before has made.
  void schedule() {
    std::vector<Instruction> ordered;
    std::vector<bool> done(instructions_.size());
    const auto ready = [&](const Instruction& i) {
      for (int v : operands(i)) {
        const int at = value(v).written;
        if (at >= 0 && !done[static_cast<size_t>(at)]) return false;
      }
      return true;
    };
    int last = -1;
    while (ordered.size() < instructions_.size()) {
      size_t pick = instructions_.size();
      for (size_t i = 0; i < instructions_.size(); ++i) {
        if (done[i] || !ready(instructions_[i])) continue;
        const auto in = operands(instructions_[i]);
        const bool follows = std::count(in.begin(), in.end(), last) == 1;
        if (pick == instructions_.size() || follows) pick = i;
        if (follows) break;
      }
      done[pick] = true;
      last = instructions_[pick].out;
      ordered.push_back(instructions_[pick]);
    }
    instructions_ = std::move(ordered);
    for (size_t i = 0; i < instructions_.size(); ++i) {
      value(instructions_[i].out).written = static_cast<int>(i);
      for (int v : operands(instructions_[i])) value(v).last_use = static_cast<int>(i);
    }
  }

  void spread_scalar(const Tensor& t) {
    int& v = value_of_.at(&t.node());
    if (value(v).scalar) v = emit({Op::full, 0, nullptr, {v}, new_value()});
  }
  void plan_output(const Tensor& t) {
    const int v = value_of_.at(&t.node());
    const StoreFunction store = find_store_function(t.dtype());
    if (!store && value(v).written >= 0 && value(v).output < 0) {
      value(v).output = static_cast<int>(outputs_.size());
    }
    outputs_.push_back({v, store, size_of(t.dtype()), {}});
  }

  void assign_registers() {
    for (Input& in : inputs_) {
      if (in.access != Access::direct && in.access != Access::scalar)
        value(in.value).reg = tiles_++;
    }
    for (const Output& out : outputs_) value(out.value).last_use = INT32_MAX;
    std::vector<int> free;
    for (size_t i = 0; i < instructions_.size(); ++i) {
      const Instruction& instruction = instructions_[i];
      for (int k = 0; k < 3; ++k) {
        const Value& v = value(instruction.in[k]);
        const bool repeated =
            std::find(instruction.in, instruction.in + k, instruction.in[k]) != instruction.in + k;
        if (v.written >= 0 && v.last_use == static_cast<int>(i) && !repeated) free.push_back(v.reg);
      }
      Value& out = value(instruction.out);
      if (free.empty()) free.push_back(tiles_++);
      out.reg = free.back();
      free.pop_back();
    }
    for (Output& out : outputs_) {
      for (size_t k = 0; k < inputs_.size(); ++k) {
        const Value& v = value(inputs_[k].value);
        if (inputs_[k].access == Access::direct && v.last_use > value(out.value).written) {
          out.hazards.push_back(static_cast<int>(k));
        }
        // A converted input is read before anything is written, a whole tile at a time.
      }
    }
    SUAN_ASSERT(tiles_ <= kMaxRegisters, "the fusion pass bounds the size of regions");
  }

  // One link of a chain, its operands as values.
  struct PlannedLink {
    LinkFunction run;
    int p = -1, q = -1;
    bool end = false;
  };
  void add_link(LinkFunction run, int p, int q = -1) {
    links_.push_back({run, p, q});
    for (int v : {p, q}) {
      if (v >= 0) value(v).read_back = true;
    }
  }
  unsigned scalar_bits(int p, int q) {
    return (p >= 0 && value(p).scalar ? 1u : 0u) | (q >= 0 && value(q).scalar ? 2u : 0u);
  }

  // Adds the link of an instruction whose operand `carried` comes along the chain.
  void add_row(const Instruction& i, int carried) {
    const int a = i.in[0], b = i.in[1], c = i.in[2];
    Along along = Along::only;
    int p = -1, q = -1;
    if (i.arity == 2) {
      along = a == carried ? Along::left : Along::right;
      p = a == carried ? b : a;
    } else if (i.arity == 3) {
      along = a == carried   ? Along::condition
              : b == carried ? Along::then_value
                             : Along::else_value;
      p = a == carried ? b : a;
      q = along == Along::else_value ? b : c;
    }
    add_link(find_link(i.op, along, scalar_bits(p, q)), p, q);
  }

  void plan_chains() {
    int carried = -1;
    for (size_t at = 0; at < instructions_.size(); ++at) {
      const Instruction& i = instructions_[at];
      const auto in = operands(i);
      if (carried < 0 && i.arity > 0) {
        // A chain starts with an operand that is no single number, and that comes in once.
        carried = i.in[0];
        for (int v : in) {
          if (!value(v).scalar && std::count(in.begin(), in.end(), v) == 1) carried = v;
        }
        if (std::count(in.begin(), in.end(), carried) != 1) {  // x op x: along the left
          add_link(load_link(false), carried);
          add_link(find_link(i.op, i.arity == 2 ? Along::left : Along::condition, 0), carried,
                   i.arity == 3 ? i.in[2] : -1);
          carried = -2;
        } else {
          add_link(load_link(value(carried).scalar), carried);
        }
      }
      if (i.arity == 0) {
        add_link(load_link(true), i.in[0]);
      } else if (carried >= 0) {
        add_row(i, carried);
      }
      carried = finish_instruction(at);
    }
  }

  // Stores the instruction's value where something else than the next link needs it. The result is
  // the value, if it goes on along the chain, or -1.
  int finish_instruction(size_t at) {
    const int out = instructions_[at].out;
    bool goes_on = false;
    if (at + 1 < instructions_.size() && instructions_[at + 1].arity > 0) {
      const auto next = operands(instructions_[at + 1]);
      goes_on = std::count(next.begin(), next.end(), out) == 1;
    }
    const bool only_there = value(out).last_use == static_cast<int>(at) + 1;
    if (goes_on && only_there) return out;
    links_.push_back({goes_on ? store_link() : end_link(), out, -1, !goes_on});
    return goes_on ? out : -1;
  }

  void choose_tile() {
    const auto block = static_cast<int64_t>(chain_block());
    tile_ = kTile;
    for (const Input& in : inputs_) {
      const int64_t period = in.broadcast.period;
      if (in.access != Access::broadcast || period < 2 || period > kTile) continue;
      // Patterns then start anew with each tile; whole blocks too, where both fit.
      const int64_t both = std::lcm(period, block);
      tile_ = both <= kTile ? kTile / both * both : kTile / period * period;
      break;
    }
    for (Input& in : inputs_) {
      in.periodic = in.access == Access::broadcast && tile_ % in.broadcast.period == 0;
    }
  }

  // Where each value of one tile lies.
  struct Frame {
    const float* at[kMaxValues];
    float scalars[kMaxValues];
    bool direct[kMaxOutputs];  // written by its instruction, without a stop in a tile
    bool stream[kMaxOutputs];  // written past the caches
  };
  void start_frame(const KernelArgs& args, Frame& frame, Tile* tiles) const;
  void load_inputs(const KernelArgs& args, Frame& frame, Tile* tiles, int64_t start, int64_t n,
                   bool first) const;
  void prefetch(const KernelArgs& args, int64_t from, int64_t to) const;
  void run_chains(const KernelArgs& args, const Frame& frame, int64_t start, int64_t n,
                  int64_t end) const;
  void run_instructions(const Frame& frame, int64_t n) const;
  void run_range(const KernelArgs& args, int64_t begin, int64_t end) const;

  std::shared_ptr<const Graph> region_;
  Layout layout_ = Layout::plain;
  Shape logical_, space_;
  std::unordered_map<const Node*, int> value_of_;
  std::vector<Value> values_;
  std::vector<Input> inputs_;
  std::vector<Instruction> instructions_;
  std::vector<Output> outputs_;
  std::vector<PlannedLink> links_;
  int tiles_ = 0;
  int64_t tile_ = kTile;
};

void FusedCall::start_frame(const KernelArgs& args, Frame& frame, Tile* tiles) const {
  for (size_t v = 0; v < values_.size(); ++v) {
    frame.scalars[v] = values_[v].number;
    frame.at[v] = values_[v].scalar ? &frame.scalars[v] : nullptr;
    if (values_[v].reg >= 0) frame.at[v] = tiles[values_[v].reg].values;
  }
  for (size_t k = 0; k < inputs_.size(); ++k) {
    const auto v = static_cast<size_t>(inputs_[k].value);
    if (inputs_[k].access == Access::scalar) inputs_[k].load(args.in[k].data, &frame.scalars[v], 1);
  }
  for (size_t o = 0; o < outputs_.size(); ++o) {
    const int owner = values_[static_cast<size_t>(outputs_[o].value)].output;
    frame.direct[o] = owner == static_cast<int>(o) && args.out[o].data;
    for (int k : outputs_[o].hazards) {
      if (args.in[static_cast<size_t>(k)].data == args.out[o].data) frame.direct[o] = false;
    }
    frame.stream[o] = args.out[o].data && args.out[o].type.bytes() >= kStreamBytes &&
                      reinterpret_cast<uintptr_t>(args.out[o].data) % 64 == 0 &&
                      !values_[static_cast<size_t>(outputs_[o].value)].read_back;
    for (const Operand& in : args.in) {
      if (in.data == args.out[o].data) frame.stream[o] = false;  // its lines are in the cache
    }
    frame.stream[o] = frame.stream[o] && frame.direct[o];
  }
}

void FusedCall::load_inputs(const KernelArgs& args, Frame& frame, Tile* tiles, int64_t start,
                            int64_t n, bool first) const {
  for (size_t k = 0; k < inputs_.size(); ++k) {
    const Input& in = inputs_[k];
    const auto v = static_cast<size_t>(in.value);
    const char* data = args.in[k].as<char>();
    if (in.access == Access::direct) {
      frame.at[v] = reinterpret_cast<const float*>(data) + start;
    } else if (in.access == Access::convert) {
      in.load(data + static_cast<size_t>(start) * in.element, tiles[values_[v].reg].values,
              static_cast<size_t>(n));
    } else if (in.access == Access::broadcast && (first || !in.periodic)) {
      gather(in.broadcast, data, start, n, tiles[values_[v].reg].values);
    }
  }
}

// Fetches elements [from, to) of the inputs that are read in place. Hardware prefetching stops at
// page ends, and a tile is about a page.
void FusedCall::prefetch(const KernelArgs& args, int64_t from, int64_t to) const {
  constexpr int64_t kLine = 16;
  for (size_t k = 0; k < inputs_.size(); ++k) {
    if (inputs_[k].access != Access::direct) continue;
    const float* data = args.in[k].as<float>();
    for (int64_t i = from; i < to; i += kLine) __builtin_prefetch(data + i, 0, 3);
  }
}

// A tile of whole blocks: chains, a part of the tile at a time, while the next tile is being
// fetched.
void FusedCall::run_chains(const KernelArgs& args, const Frame& frame, int64_t start, int64_t n,
                           int64_t end) const {
  constexpr int64_t kPart = 256;
  Link links[kMaxLinks];  // not initialised: that takes longer than a tile
  for (size_t i = 0; i < links_.size(); ++i) {
    const PlannedLink& planned = links_[i];
    links[i].run = planned.run;
    links[i].p = planned.p >= 0 ? frame.at[planned.p] : nullptr;
    links[i].q = planned.q >= 0 ? frame.at[planned.q] : nullptr;
    const int output = planned.end ? values_[static_cast<size_t>(planned.p)].output : -1;
    if (output >= 0 && frame.stream[output]) links[i].run = end_stream_link();
  }
  for (int64_t from = 0; from < n; from += kPart) {
    const int64_t to = std::min(from + kPart, n);
    prefetch(args, std::min(start + n + from, end), std::min(start + n + to, end));
    for (size_t first = 0, i = 0; i < links_.size(); ++i) {
      if (!links_[i].end) continue;
      run_chain(links + first, static_cast<size_t>(from), static_cast<size_t>(to));
      first = i + 1;
    }
  }
}

// A tile of any length: instruction by instruction.
void FusedCall::run_instructions(const Frame& frame, int64_t n) const {
  for (const Instruction& i : instructions_) {
    auto* to = const_cast<float*>(frame.at[i.out]);  // a tile or an output, never an input
    if (i.run) {
      i.run(frame.at[i.in[0]], frame.at[i.in[1]], frame.at[i.in[2]], to, static_cast<size_t>(n));
    } else {
      std::fill_n(to, n, *frame.at[i.in[0]]);
    }
  }
}

void FusedCall::run_range(const KernelArgs& args, int64_t begin, int64_t end) const {
  Tile* tiles = thread_tiles();
  Frame frame;
  start_frame(args, frame, tiles);
  const auto block = static_cast<int64_t>(chain_block());
  for (int64_t start = begin; start < end; start += tile_) {
    const int64_t n = std::min(tile_, end - start);
    load_inputs(args, frame, tiles, start, n, start == begin);
    for (size_t o = 0; o < outputs_.size(); ++o) {
      if (frame.direct[o]) frame.at[outputs_[o].value] = args.out[o].as<float>() + start;
    }
    if (n % block == 0) {
      run_chains(args, frame, start, n, end);
    } else {
      run_instructions(frame, n);
    }
    for (size_t o = 0; o < outputs_.size(); ++o) {
      if (frame.direct[o] || !args.out[o].data) continue;
      char* to = args.out[o].as<char>() + static_cast<size_t>(start) * outputs_[o].element;
      const float* from = frame.at[outputs_[o].value];
      if (outputs_[o].store) {
        outputs_[o].store(from, to, static_cast<size_t>(n));
      } else {
        std::memmove(to, from, static_cast<size_t>(n) * sizeof(float));
      }
    }
  }
}

bool has_float_form(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16 ||
         dtype == DType::boolean;
}

}  // namespace

const char* tile_why_not(const Node& node) {
  if (is(node, Op::cast)) {
    // Bytes become floats exactly, but floats become bytes by truncation, which is not a copy.
    const DType from = node.inputs[0].dtype();
    const bool byte = from == DType::i8 || from == DType::u8;
    if (!byte && !has_float_form(from)) return "the source dtype has no float form";
    const DType to = node.types[0].dtype;
    if (to == DType::boolean || !has_float_form(to)) return "the result dtype has no float form";
    return nullptr;
  }
  if (!node.op->row) return "not elementwise";
  if (!has_float_form(node.types[0].dtype)) return "the dtype has no float form";
  for (const Tensor& t : node.inputs) {
    if (!has_float_form(t.dtype())) return "the dtype has no float form";
  }
  if (node.types[0].shape.numel() == 0) return "there is nothing to compute";
  return nullptr;
}

const char* fused_why_not(const Node& node) {
  if (node.regions.empty()) return tile_why_not(node);
  if (node.regions[0]->outputs.size() > kMaxOutputs) return "too many outputs";
  for (const NodePtr& inner : node.regions[0]->nodes()) {
    if (inner->inputs.empty()) continue;
    if (const char* reason = tile_why_not(*inner)) return reason;
  }
  return nullptr;
}

std::unique_ptr<Call> make_fused_call(const Node& node) {
  return std::make_unique<FusedCall>(node);
}

}  // namespace suan::cpu
