// Writing a region's kernel. Every thread takes a few elements at once, 16 bytes of the widest
// operand, so that all of memory is read and written in whole pieces; sizes are numbers in the
// text, so that the compiler turns divisions into products. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/region.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "suan/backend/cuda/operand_index.h"
#include "suan/backend/cuda/source.h"
#include "suan/graph/graph.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/fused.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kPiece = 16;  // bytes that one instruction moves
constexpr size_t kMostOperands = 128;

std::string number_text(double value, DType dtype) {
  if (dtype == DType::f64) {
    return fmt::format("__longlong_as_double({:#x}l)", std::bit_cast<uint64_t>(value));
  }
  if (is_float(dtype)) {
    const auto narrow = static_cast<float>(value);
    return fmt::format("__uint_as_float({:#x}u)", std::bit_cast<uint32_t>(narrow));
  }
  if (dtype == DType::u64) return fmt::format("{}ul", static_cast<uint64_t>(value));
  return fmt::format("int64_t({:#x}ul)", static_cast<uint64_t>(static_cast<int64_t>(value)));
}

class Writer {
 public:
  explicit Writer(const Node& node) : region_(region_of(node)), layout_(node.layout(0)) {
    shape_ = node.types[0].shape;
    count_ = shape_.numel();
    size_t widest = 1;
    for (const Tensor& t : region_->inputs) widest = std::max(widest, size_of(t.dtype()));
    for (const Tensor& t : region_->outputs) widest = std::max(widest, size_of(t.dtype()));
    const auto most = static_cast<int64_t>(kPiece / widest);
    each_ = count_ % most == 0 ? most : 1;
    const auto is_direct = [&](const Tensor& t) {
      return t.shape() == shape_ || t.shape().numel() == 1;
    };
    same_for_all_ =
        count_ <= kMost && std::all_of(region_->inputs.begin(), region_->inputs.end(), is_direct);
    for (size_t i = 0; i < region_->inputs.size(); ++i) read(i);
    for (const NodePtr& inner : region_->nodes()) compute(*inner);
    for (size_t i = 0; i < region_->outputs.size(); ++i) write(i);
  }
  int64_t count() const { return count_; }
  int64_t threads() const { return count_ / each_; }
  // Whether the text does not depend on how many elements there are.
  bool same_for_all() const { return same_for_all_; }

  // Of regions of any sizes at once: block b works on the part whose blocks it is among.
  std::string joint_text(size_t parts) const {
    return fmt::format(
        "struct Part@ {{\n{}  uint32_t count, first_block;\n}};\n"
        "struct P@ {{\n  uint32_t parts, blocks;\n  Part@ part[{}];\n}};\n"
        "SUAN_GLOBAL(@, P@) {{\n"
        "  const auto& all = p;\n"
        "  uint32_t low = 0, high = all.parts;\n"
        "  while (high - low > 1) {{\n"
        "    const uint32_t middle = (low + high) / 2;\n"
        "    if (all.part[middle].first_block <= blockIdx.x) low = middle; else high = middle;\n"
        "  }}\n"
        "  const uint32_t begin = all.part[low].first_block;\n"
        "  const uint32_t end = low + 1 < all.parts ? all.part[low + 1].first_block : all.blocks;\n"
        "  {{\n  const Part@& p = all.part[low];\n{}"
        "  for (uint32_t at = ((blockIdx.x - begin) * blockDim.x + threadIdx.x) * {};\n"
        "       at < p.count; at += (end - begin) * blockDim.x * {}) {{\n"
        "{}{}    SUAN_UNROLL\n    for (int e = 0; e < {}; ++e) {{\n{}    }}\n{}  }}\n  }}\n}}\n",
        fields_, parts, once_, each_, each_, before_, results_, each_, body_, after_);
  }

  std::string text() const {
    // 32-bit positions where the last one and a stride of the grid fit.
    const char* index = count_ <= kMost ? "uint32_t" : "uint64_t";
    return fmt::format(
        "struct P@ {{\n{}}};\n"
        "SUAN_GLOBAL(@, P@) {{\n{}"
        "  for ({} at = static_cast<{}>(thread_number()) * {}; at < {}u;\n"
        "       at += static_cast<{}>(thread_count()) * {}) {{\n"
        "{}{}    SUAN_UNROLL\n    for (int e = 0; e < {}; ++e) {{\n{}    }}\n{}  }}\n}}\n",
        fields_, once_, index, index, each_, count_, index, each_, before_, results_, each_, body_,
        after_);
  }

 private:
  static constexpr int64_t kMost = int64_t{1} << 30;  // elements that 32 bits number

  std::string value(const Tensor& t) const { return values_.at(&t.node()); }

  void read(size_t i) {
    const Tensor& t = region_->inputs[i];
    const char* stored = stored_name(t.dtype());
    const std::string name = fmt::format("v{}", next_++);
    values_[&t.node()] = name;
    fields_ += fmt::format("  const {}* i{};\n", stored, i);
    const auto one = [&](const std::string& from) {
      return fmt::format("const {} {} = get<{}>(p.i{}, {});\n", compute_name(t.dtype()), name,
                         compute_name(t.dtype()), i, from);
    };
    if (t.shape().numel() == 1) {
      once_ += "  " + one("0");
      return;
    }
    const auto dims = seen_dims(t.shape(), shape_, layout_);
    const auto [inner, stride] = dims[0];
    if (each_ == 1) {
      body_ += "      " + one(offset_text(dims, "at"));
    } else if (inner % each_ != 0 || stride > 1) {
      body_ += "      " + one(offset_text(dims, "(at + e)"));
    } else if (stride == 0) {
      before_ += "    " + one(offset_text(dims, "at"));
    } else {
      before_ += fmt::format(
          "    const Vec<{0}, {1}> x{2} = *reinterpret_cast<const Vec<{0}, {1}>*>(p.i{2} + {3});\n",
          stored, each_, i, offset_text(dims, "at"));
      body_ += fmt::format("      const {0} {1} = get<{0}>(x{2}.v, e);\n", compute_name(t.dtype()),
                           name, i);
    }
  }

  // Integers of less than 64 bits wrap as they would in memory; floats keep what they have.
  std::string kept(const std::string& expression, DType dtype) const {
    const char* type = compute_name(dtype);
    const bool wraps = is_integer(dtype) && size_of(dtype) < 8;
    return wraps ? fmt::format("{}(Convert<{}>::from({}))", type, stored_name(dtype), expression)
                 : fmt::format("{}({})", type, expression);
  }

  void compute(const Node& node) {
    if (is(node, Op::input)) return;
    const DType dtype = node.types[0].dtype;
    std::string& name = values_[&node];
    name = fmt::format("v{}", next_++);
    std::string expression;
    if (is(node, Op::full)) {
      once_ += fmt::format("  const {} {} = {};\n", compute_name(dtype), name,
                           number_text(node.attr<FullAttrs>().value, dtype));
      return;
    }
    if (is(node, Op::cast)) {
      // Between floats of 32 bits and less it is the same number.
      const char* to = is_float(dtype) && dtype != DType::f64 ? "float" : stored_name(dtype);
      expression = fmt::format("Convert<{}>::from({})", to, value(node.inputs[0]));
      if (is_small_float(dtype)) expression = fmt::format("widen({})", expression);
    } else if (is(node, Op::select)) {
      expression = fmt::format("{} != 0 ? {} : {}", value(node.inputs[0]), value(node.inputs[1]),
                               value(node.inputs[2]));
    } else {
      expression = fmt::format("rows::row_{}({}", node.op->name, value(node.inputs[0]));
      for (size_t k = 1; k < node.inputs.size(); ++k) expression += ", " + value(node.inputs[k]);
      expression += ')';
    }
    body_ += fmt::format("      const {} {} = {};\n", compute_name(dtype), name,
                         kept(expression, dtype));
  }

  void write(size_t i) {
    const Tensor& t = region_->outputs[i];
    const char* stored = stored_name(t.dtype());
    fields_ += fmt::format("  {}* o{};\n", stored, i);
    results_ += fmt::format("    Vec<{}, {}> y{};\n", stored, each_, i);
    body_ += fmt::format("      put(y{}.v, e, {});\n", i, value(t));
    after_ +=
        fmt::format("    if (p.o{1}) *reinterpret_cast<Vec<{0}, {2}>*>(p.o{1} + at) = y{1};\n",
                    stored, i, each_);
  }

  std::shared_ptr<const Graph> region_;
  Layout layout_;
  Shape shape_;
  int64_t count_ = 0, each_ = 1;
  bool same_for_all_ = false;
  int next_ = 0;
  std::unordered_map<const Node*, std::string> values_;
  std::string fields_, once_, before_, results_, body_, after_;
};

// One region of any operands.
class RegionCall final : public Call {
 public:
  explicit RegionCall(const Writer& writer) : threads_(writer.threads()), source_(writer.text()) {}

  void run(const KernelArgs& args) const override {
    const void* params[kMostOperands];
    size_t n = 0;
    for (const Operand& in : args.in) params[n++] = in.data;
    for (const Operand& out : args.out) params[n++] = out.data;
    Gpu& gpu = gpu_of(args);
    const unsigned blocks = blocks_for(gpu, threads_, kThreads);
    source_.launch(gpu, {.blocks = {blocks, 1, 1}, .threads = kThreads},
                   static_cast<const void*>(params), n * sizeof(void*));
  }

 private:
  int64_t threads_;
  Source source_;
};

// A region whose operands all lie alike: any number of such are one launch, whatever their sizes.
// One alone is a launch of one part.
class UniformRegionCall final : public Call {
 public:
  UniformRegionCall(const Node& node, const Writer& writer)
      : threads_(writer.threads()),
        count_(writer.count()),
        alone_(writer.joint_text(1)),
        many_(writer.joint_text(most_parts(node))),
        most_(most_parts(node)) {}

  void run(const KernelArgs& args) const override {
    const Call* self = this;
    launch(alone_, {&self, 1}, {&args, 1});
  }
  const std::string* joint() const override { return &many_.name(); }
  void run_joined(std::span<const Call* const> calls,
                  std::span<const KernelArgs> args) const override {
    for (size_t first = 0; first < calls.size(); first += most_) {
      const size_t count = std::min(most_, calls.size() - first);
      launch(count == 1 ? alone_ : many_, calls.subspan(first, count), args.subspan(first, count));
    }
  }

 private:
  // What fits in the 4 KB that every driver takes as arguments.
  static size_t most_parts(const Node& node) {
    constexpr size_t kBytes = 4000;
    return kBytes / ((node.inputs.size() + node.types.size()) * sizeof(void*) + 8);
  }

  // The struct of the text: parts, blocks, then for each part its addresses, count and first block.
  void launch(const Source& source, std::span<const Call* const> calls,
              std::span<const KernelArgs> args) const {
    Gpu& gpu = gpu_of(args[0]);
    const size_t each = args[0].in.size() + args[0].out.size() + 1;
    const size_t parts = &source == &alone_ ? 1 : most_;
    std::vector<uint64_t> words(1 + parts * each);
    uint32_t block = 0;
    for (size_t i = 0; i < calls.size(); ++i) {
      const auto& call = static_cast<const UniformRegionCall&>(*calls[i]);
      uint64_t* word = &words[1 + i * each];
      for (const Operand& in : args[i].in) *word++ = reinterpret_cast<uintptr_t>(in.data);
      for (const Operand& out : args[i].out) *word++ = reinterpret_cast<uintptr_t>(out.data);
      *word = static_cast<uint64_t>(call.count_) | static_cast<uint64_t>(block) << 32;
      block += blocks_for(gpu, call.threads_, kThreads);
    }
    words[0] = calls.size() | static_cast<uint64_t>(block) << 32;
    source.launch(gpu, {.blocks = {block, 1, 1}, .threads = kThreads}, words.data(),
                  words.size() * sizeof(uint64_t));
  }

  int64_t threads_, count_;
  Source alone_, many_;
  size_t most_;
};

}  // namespace

bool joins_regions(const Node& node) {
  if (!is(node, Op::cast) && !node.op->row) return false;
  // Numbers in FP8 are only made and read.
  const bool saturates = is(node, Op::cast) && node.attr<CastAttrs>().saturate;
  const auto computes = [&](const Type& type) {
    return is_arithmetic(type.dtype) || (saturates && stored_name(type.dtype));
  };
  return computes(node.types[0]) &&
         std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](const Tensor& t) { return computes(t.type()); });
}

const char* region_why_not(const Node& node) {
  if (!is(node, Op::fused)) {
    return joins_regions(node) ? nullptr : "kernels do not compute with this dtype";
  }
  if (node.inputs.size() + node.types.size() > kMostOperands) return "it has too many operands";
  for (const NodePtr& inner : node.regions[0]->nodes()) {
    if (!is(*inner, Op::input) && !is(*inner, Op::full) && !joins_regions(*inner)) {
      return "the region is not elementwise";
    }
  }
  return nullptr;
}

std::unique_ptr<Call> make_region_call(const Node& node) {
  const Writer writer(node);
  if (writer.same_for_all()) return std::make_unique<UniformRegionCall>(node, writer);
  return std::make_unique<RegionCall>(writer);
}

}  // namespace suan::cuda
