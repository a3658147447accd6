// The tile interpreter. Each instruction runs one row over a tile of floats that stays in L1, so a
// region reads its inputs and writes its outputs once, whatever the number of its nodes.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/fused.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "suan/backend/cpu/tile.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/graph/graph.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan::cpu {
namespace {

constexpr int64_t kTile = 1024;    // floats of one tile
constexpr int kMaxRegisters = 96;  // tiles of one thread
constexpr int kMaxValues = 256;
constexpr int kMaxOutputs = 64;
constexpr int64_t kGrain = 1 << 14;  // element-instructions worth a thread

struct alignas(64) Tile {
  float values[kTile];
};
Tile* thread_tiles() {
  alignas(64) thread_local Tile tiles[kMaxRegisters];
  return tiles;
}

// How an input is read. Broadcast inputs are copied into a tile in runs.
enum class Access : uint8_t { direct, convert, scalar, broadcast };

struct Dim {
  int64_t size, stride;
};
struct Input {
  Access access = Access::direct;
  LoadFunction load = nullptr;
  size_t element = 4;
  int value = -1;
  std::vector<Dim> dims;  // broadcast: innermost first
  int64_t period = 0;     // broadcast: repeats after this many elements; 0: too long to matter
};
// One number of the region per element, or one for all elements (scalar).
struct Value {
  bool scalar = false;
  float number = 0;   // of a `full`
  int written = -1;   // instruction; -1: there from the start
  int last_use = -1;  // instruction
  int reg = -1;       // tile; -1: read where it lies
  int output = -1;    // the f32 output it may be written to without a stop in a tile
};
struct Instruction {
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

Shape padded(const Shape& shape, int rank) {
  Shape out = shape;
  while (out.rank() < rank) out.insert(0, 1);
  return out;
}

// The dims of a broadcast operand inside the output's physical shape, innermost first, merged.
std::vector<Dim> broadcast_dims(const Shape& operand, const Shape& space) {
  const Shape strides = operand.strides();
  std::vector<Dim> dims;
  for (int i = space.rank() - 1; i >= 0; --i) {
    if (space[i] == 1) continue;
    const int64_t stride = operand[i] == 1 ? 0 : strides[i];
    if (!dims.empty() && stride == dims.back().stride * dims.back().size) {
      dims.back().size *= space[i];
    } else {
      dims.push_back({space[i], stride});
    }
  }
  return dims;
}

// Steps a mixed-radix index, innermost first, after dims[from] has reached its size.
void carry(const std::vector<Dim>& dims, int64_t* index, int64_t& offset, size_t from) {
  for (size_t i = from; i + 1 < dims.size() && index[i] == dims[i].size; ++i) {
    offset += dims[i + 1].stride - dims[i].size * dims[i].stride;
    index[i] = 0;
    ++index[i + 1];
  }
}

// Copies elements [start, start + n) of the broadcast operand into `to`, as floats.
void gather(const Input& in, const char* from, int64_t start, int64_t n, float* to) {
  const auto& dims = in.dims;
  int64_t index[kMaxRank + 1] = {};
  int64_t offset = 0, rest = start;
  for (size_t i = 0; i < dims.size(); ++i) {
    index[i] = rest % dims[i].size;
    rest /= dims[i].size;
    offset += index[i] * dims[i].stride;
  }
  const int64_t inner = dims[0].size;
  for (int64_t done = 0; done < n;) {
    int64_t run = std::min(n - done, inner - index[0]);
    const char* source = from + static_cast<size_t>(offset) * in.element;
    if (dims[0].stride == 0) {
      in.load(source, to + done, 1);
      std::fill_n(to + done + 1, run - 1, to[done]);
    } else {
      in.load(source, to + done, static_cast<size_t>(run));
    }
    const bool whole = run == inner;
    const float* block = to + done;
    done += run;
    index[0] += run;
    offset += run * dims[0].stride;
    carry(dims, index, offset, 0);
    // A whole line that the next dim only repeats: copy what is there, doubling.
    if (!whole || dims.size() < 2 || dims[1].stride != 0 || index[1] == 0) continue;
    const int64_t repeats = std::min((n - done) / inner, dims[1].size - index[1]);
    for (int64_t have = 1, left = repeats; left > 0;) {
      const int64_t take = std::min(have, left);
      std::memcpy(to + done, block, static_cast<size_t>(take * inner) * sizeof(float));
      done += take * inner;
      have += take;
      left -= take;
    }
    index[1] += repeats;
    carry(dims, index, offset, 1);
  }
}

// The region of a fused node; for a single node, a region of that node alone.
std::shared_ptr<const Graph> region_of(const Node& node) {
  if (!node.regions.empty()) return node.regions[0];
  auto region = std::make_shared<Graph>();
  std::vector<Tensor> inputs;
  for (const Tensor& t : node.inputs) {
    region->inputs.push_back(make_input(t.type(), ""));
    inputs.push_back(region->inputs.back());
  }
  region->outputs = {Tensor(with_inputs(node, inputs), 0)};
  return region;
}

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
    for (const Tensor& t : region_->outputs) plan_output(t);
    assign_registers();
    choose_tile();
  }

  void run(const KernelArgs& args) const override {
    const int64_t total = space_.numel();
    const int64_t cost = static_cast<int64_t>(instructions_.size()) + 2;
    // Ranges are whole tiles, so that every thread starts where patterns start.
    const int64_t tiles = (total + tile_ - 1) / tile_;
    parallel_for(tiles, std::max<int64_t>(1, kGrain / (cost * tile_)),
                 [&](int64_t begin, int64_t end) {
                   run_range(args, begin * tile_, std::min(end * tile_, total));
                 });
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
      in.dims = broadcast_dims(physical_shape(padded(t.shape(), logical_.rank()), layout_), space_);
      size_t varying = 0;
      for (size_t i = 0; i < in.dims.size(); ++i) varying = in.dims[i].stride ? i + 1 : varying;
      in.period = 1;
      for (size_t i = 0; i < varying; ++i) in.period *= in.dims[i].size;
      if (in.period > kTile) in.period = 0;
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
      instruction.in[0] = emit({nullptr, {instruction.in[0]}, new_value()});
      scalars &= ~1u;
    }
    instruction.run = find_tile_function(node.op->code, scalars);
    instruction.out = new_value();
    value_of_[&node] = emit(instruction);
  }

  int emit(const Instruction& instruction) {
    const int at = static_cast<int>(instructions_.size());
    for (int v : instruction.in) value(v).last_use = at;
    value(instruction.out).written = at;
    instructions_.push_back(instruction);
    return instruction.out;
  }

  void plan_output(const Tensor& t) {
    int v = value_of_.at(&t.node());
    if (value(v).scalar) v = emit({nullptr, {v}, new_value()});
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

  void choose_tile() {
    tile_ = kTile;
    for (const Input& in : inputs_) {
      if (in.access == Access::broadcast && in.period > 1) {
        tile_ = kTile / in.period * in.period;  // patterns then start anew with each tile
        break;
      }
    }
  }

  // Where each value of one tile lies.
  struct Frame {
    const float* at[kMaxValues];
    float* out[kMaxOutputs];
    float scalars[kMaxValues];
    bool direct[kMaxOutputs];
  };
  void start_frame(const KernelArgs& args, Frame& frame, Tile* tiles) const;
  void load_inputs(const KernelArgs& args, Frame& frame, Tile* tiles, int64_t start, int64_t n,
                   bool first) const;
  void run_range(const KernelArgs& args, int64_t begin, int64_t end) const;

  std::shared_ptr<const Graph> region_;
  Layout layout_ = Layout::plain;
  Shape logical_, space_;
  std::unordered_map<const Node*, int> value_of_;
  std::vector<Value> values_;
  std::vector<Input> inputs_;
  std::vector<Instruction> instructions_;
  std::vector<Output> outputs_;
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
    } else if (in.access == Access::broadcast && (first || !in.period || tile_ % in.period)) {
      gather(in, data, start, n, tiles[values_[v].reg].values);
    }
  }
}

void FusedCall::run_range(const KernelArgs& args, int64_t begin, int64_t end) const {
  Tile* tiles = thread_tiles();
  Frame frame;
  start_frame(args, frame, tiles);
  for (int64_t start = begin; start < end; start += tile_) {
    const int64_t n = std::min(tile_, end - start);
    load_inputs(args, frame, tiles, start, n, start == begin);
    for (size_t o = 0; o < outputs_.size(); ++o) {
      if (frame.direct[o]) {
        frame.out[o] = args.out[o].as<float>() + start;
        frame.at[outputs_[o].value] = frame.out[o];
      }
    }
    for (const Instruction& i : instructions_) {
      auto* to = const_cast<float*>(frame.at[i.out]);  // a tile or an output, never an input
      if (i.run) {
        i.run(frame.at[i.in[0]], frame.at[i.in[1]], frame.at[i.in[2]], to, static_cast<size_t>(n));
      } else {
        std::fill_n(to, n, *frame.at[i.in[0]]);
      }
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
  return nullptr;
}

std::unique_ptr<Call> make_fused_call(const Node& node) {
  return std::make_unique<FusedCall>(node);
}

}  // namespace suan::cpu
