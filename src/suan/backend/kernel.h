// The contract between programs and kernels. A backend has one table of kernels, best first; the
// first whose why_not() returns null runs the node. Kernels never check shapes, dtypes or
// attributes. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "suan/base/buffer.h"
#include "suan/graph/op_def.h"
#include "suan/target/target.h"

namespace suan {

class Device;
struct Fault;

struct Operand {
  void* data = nullptr;  // null: an absent input, or an output that nobody reads
  Type type;
  Layout layout = Layout::plain;
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  int64_t numel() const { return type.shape.numel(); }
  Shape physical() const { return physical_shape(type.shape, layout); }
};

// The first fault that a kernel found in the data it was given (a label out of range, say).
class RunErrors {
 public:
  void report(std::string_view op, std::string message);  // the first one counts
  bool any() const { return ready_.load(std::memory_order_relaxed); }
  void throw_if_any();

 private:
  std::atomic_flag taken_ = ATOMIC_FLAG_INIT;
  std::atomic<bool> ready_{false};
  std::string op_, message_;
};

struct KernelArgs {
  std::span<const Operand> in;
  std::span<const Operand> out;
  void* scratch;  // of the size the call asked for, 64-byte aligned
  RunErrors& errors;
  // Of kernels on a device, whose addresses all of these are.
  Device* device = nullptr;
  Fault* fault = nullptr;
  int step = 0;  // to name the node in a fault
};

// A kernel made ready for one node: primitives built, loops planned. Immutable; shared by threads.
class Call {
 public:
  virtual ~Call() = default;
  virtual void run(const KernelArgs& args) const = 0;
  virtual size_t scratch_bytes() const { return 0; }

  // A constant input may be wanted in a form of its own (weights as a convolution reads them). It
  // is packed once, when the program is made, and shared by all calls that want the same form. The
  // name of a form that is a permutation with padding is its description (base/packed_form.h).
  virtual size_t packed_bytes(int /*input*/) const { return 0; }       // 0: it is taken as it is
  virtual std::string packed_form(int /*input*/) const { return {}; }  // equal: the same form
  virtual void pack(int /*input*/, const void* /*from*/, void* /*to*/) const {}

  // Of a call whose kernel works in place: whether this output may lie in this input's memory.
  virtual bool may_overwrite(size_t /*output*/, size_t /*input*/) const { return true; }

  // A call without scratch memory may consist of parts that run in any order: steps that follow one
  // another and do not depend on each other then share one parallel loop.
  virtual int64_t parts() const { return 0; }      // 0: it has none
  virtual int64_t part_cost() const { return 0; }  // of one, in element-operations
  virtual void run_parts(const KernelArgs& /*args*/, int64_t /*begin*/, int64_t /*end*/) const {}

  // Of kernels on a device: calls that name the same way of joining may be one launch, where their
  // steps follow one another and do not depend on each other. Null: it runs alone.
  virtual const std::string* joint() const { return nullptr; }
  virtual void run_joined(std::span<const Call* const> /*calls*/,
                          std::span<const KernelArgs> /*args*/) const {}
};
// Packs those inputs that the call wants packed, for a run without a plan; `packs` holds the
// blocks.
void pack_inputs(const Call& call, std::span<Operand> in, std::vector<BufferPtr>& packs);

// For kernels that know no layout: a reason where some operand is not in plain layout, or null.
const char* plain_why_not(const Node& node);

constexpr int64_t kThreadWork = 1 << 14;  // element-operations worth a thread

struct Kernel {
  Op op;
  const char* name;
  const char* (*why_not)(const Node&);  // null: takes it; else a printable reason
  std::unique_ptr<Call> (*make)(const Node&);
  // Whether an output may lie in the memory of an input with the same type and layout that dies
  // here.
  bool in_place = false;
  // Whether its error is bounded as that of direct summation is. Others trade accuracy for speed
  // (each says how much) and are left out in exact mode.
  bool exact = true;
  // Whether it writes every output: then those that nobody reads have memory during the step too.
  bool writes_all = false;
  // A reason why kernels further down are mostly faster for this node, or null: it then comes after
  // them, until measuring (program/choice.h) says otherwise. Null: it never does.
  const char* (*likely_slower)(const Node&) = nullptr;
  // Whether it takes much more memory than its operands, packed or as scratch, to be faster.
  bool spends_memory = false;
};

// The kernel's call for a node. Where no result has an element it does nothing: a kernel might loop
// over sizes beside one of zero.
std::unique_ptr<Call> make_call(const Kernel& kernel, const Node& node);

// Exact mode: only kernels with the error bound of direct summation are chosen. For the whole
// process.
bool exact_mode();
void set_exact_mode(bool exact);

// Reproducible mode: where there is no record of choices, the first kernel that takes a node, as
// the table orders them, and the first algorithm a library proposes; nothing is measured. For the
// whole process.
bool reproducible_mode();
void set_reproducible_mode(bool reproducible);

// A kernel that needs no preparation: a function of the node and its operands.
using PlainKernel = void (*)(const Node&, const KernelArgs&);
template <PlainKernel kRun>
std::unique_ptr<Call> plain(const Node& node) {
  struct PlainCall final : Call {
    explicit PlainCall(const Node& n) : node(n) {}
    void run(const KernelArgs& args) const override { kRun(node, args); }
    const Node& node;
  };
  return std::make_unique<PlainCall>(node);
}

struct Backend {
  std::string_view name;
  std::span<const Kernel> kernels;  // best first within an op
  const Backend* fallback;          // asked where no kernel here takes a node; null: none
  const Target* target;
  Device* device = nullptr;  // null: its kernels work on the host's memory
};
// Whether a kernel is of the backend's own table, not of a fallback's.
bool owns(const Backend& backend, const Kernel& kernel);

// The kernels of the backend's own table that take the node, best first.
std::vector<const Kernel*> own_kernels(const Backend& backend, const Node& node);
bool takes(const Backend& backend, const Node& node);  // whether there is one

const Backend& reference_backend();
const Backend& cpu_backend();
const Backend& null_backend();  // takes every op and gives zeros
// A GPU: "cuda:1" is the second, "+managed" or "+peer" behind it says where memory comes from
// (backend/cuda/gpu.h). Throws Error(kUnsupported) with the reason why it cannot be used.
const Backend& cuda_backend(std::string_view name = "cuda");
// A GPU that computes nothing (backend/cuda/null_gpu.h), for plans where there is none.
const Backend& cuda_null_backend();

}  // namespace suan
