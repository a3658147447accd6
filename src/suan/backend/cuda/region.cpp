// Writing a region's kernel. Every thread takes a few elements at once, 16 bytes of the widest
// operand, so that all of memory is read and written in whole pieces; sizes are numbers in the
// text, so that the compiler turns divisions into products. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/region.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>

#include "suan/backend/cuda/operand_index.h"
#include "suan/backend/cuda/source.h"
#include "suan/graph/graph.h"
#include "suan/ops/elementwise.h"
#include "suan/ops/leaf.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kPiece = 16;  // bytes that one instruction moves

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
  }
  int64_t threads() const { return count_ / each_; }

  std::string text() {
    for (size_t i = 0; i < region_->inputs.size(); ++i) read(i);
    for (const NodePtr& node : region_->nodes()) compute(*node);
    for (size_t i = 0; i < region_->outputs.size(); ++i) write(i);
    // 32-bit positions where the last one and a stride of the grid fit.
    const char* index = count_ < (int64_t{1} << 30) ? "uint32_t" : "uint64_t";
    return fmt::format(
        "struct P@ {{\n{}}};\n"
        "SUAN_GLOBAL(@, P@) {{\n{}"
        "  for ({} at = static_cast<{}>(thread_number()) * {}; at < {}u;\n"
        "       at += static_cast<{}>(thread_count()) * {}) {{\n"
        "{}{}#pragma unroll\n    for (int e = 0; e < {}; ++e) {{\n{}    }}\n{}  }}\n}}\n",
        fields_, once_, index, index, each_, count_, index, each_, before_, results_, each_, body_,
        after_);
  }

 private:
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
  int next_ = 0;
  std::unordered_map<const Node*, std::string> values_;
  std::string fields_, once_, before_, results_, body_, after_;
};

class RegionCall final : public Call {
 public:
  explicit RegionCall(Writer writer) : threads_(writer.threads()), source_(writer.text()) {}

  void run(const KernelArgs& args) const override {
    const void* params[kMost];
    size_t n = 0;
    for (const Operand& in : args.in) params[n++] = in.data;
    for (const Operand& out : args.out) params[n++] = out.data;
    Gpu& gpu = gpu_of(args);
    source_.launch(gpu,
                   {.blocks = {blocks_for(gpu, threads_, kThreads), 1, 1}, .threads = kThreads},
                   params, n * sizeof(void*));
  }
  static constexpr size_t kMost = 128;

 private:
  int64_t threads_;
  Source source_;
};

}  // namespace

bool joins_regions(const Node& node) {
  if (!is(node, Op::cast) && !node.op->row) return false;
  const auto computes = [](const Type& type) { return is_arithmetic(type.dtype); };
  return computes(node.types[0]) &&
         std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](const Tensor& t) { return computes(t.type()); });
}

const char* region_why_not(const Node& node) {
  if (!is(node, Op::fused)) {
    return joins_regions(node) ? nullptr : "kernels do not compute with this dtype";
  }
  if (node.inputs.size() + node.types.size() > RegionCall::kMost) return "it has too many operands";
  for (const NodePtr& inner : node.regions[0]->nodes()) {
    if (!is(*inner, Op::input) && !is(*inner, Op::full) && !joins_regions(*inner)) {
      return "the region is not elementwise";
    }
  }
  return nullptr;
}

std::unique_ptr<Call> make_region_call(const Node& node) {
  return std::make_unique<RegionCall>(Writer(node));
}

}  // namespace suan::cuda
