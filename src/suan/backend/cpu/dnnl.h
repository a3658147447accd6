// oneDNN behind the kernel contract: a Call that runs a list of primitives on operands and scratch
// memory. Only this folder's .cpp files include it. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <oneapi/dnnl/dnnl_debug.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "suan/backend/kernel.h"

namespace suan::cpu {

dnnl::engine& dnnl_engine();
dnnl::stream& dnnl_stream();  // of this thread
bool has_avx512();
bool has_avx512_bf16();
bool has_avx512_vnni();

dnnl::memory::data_type dnnl_type(DType dtype);
dnnl::memory::desc dnnl_desc(const Shape& shape, DType dtype, Layout layout);
dnnl::memory::desc dnnl_desc(const Tensor& t);
// The same logical tensor in whatever layout the primitive likes best.
dnnl::memory::desc dnnl_any(const dnnl::memory::desc& desc);
dnnl::primitive_attr user_scratchpad();

// Where a primitive's argument lies.
struct Slot {
  enum Kind : uint8_t { in, out, temp, own } kind;
  int index;
};

class DnnlCall final : public Call {
 public:
  // Reserves scratch memory for a value of this description.
  Slot add_temp(const dnnl::memory::desc& desc);
  struct Argument {
    int code;  // DNNL_ARG_...
    dnnl::memory::desc desc;
    Slot slot;
  };
  void add(const dnnl::primitive& primitive, std::vector<Argument> arguments,
           const dnnl::memory::desc& scratchpad = {});
  // The slot that holds `from`'s value described by `to`: itself, or a temp filled by a reorder.
  Slot reordered(Slot from, const dnnl::memory::desc& from_desc, const dnnl::memory::desc& to);
  // The slot of constant input `input`, packed when the program is made: stored as the first of
  // these descriptions, wanted as the last one.
  Slot packed(int input, std::vector<dnnl::memory::desc> chain);
  // The slot of numbers that the call keeps.
  Slot constant(std::vector<float> values);
  // The output begins as a copy of this input, or lies in its memory (post-op sum).
  void begin_with(int input) { residual_ = input; }
  // Where a primitive may write a value described by `desc` that must end in `to`; call finish()
  // after.
  Slot target(Slot to, const dnnl::memory::desc& to_desc, const dnnl::memory::desc& desc);
  void finish(Slot from, const dnnl::memory::desc& desc, Slot to,
              const dnnl::memory::desc& to_desc);

  size_t scratch_bytes() const override { return temp_bytes_ + scratchpad_bytes_; }
  void run(const KernelArgs& args) const override;
  size_t packed_bytes(int input) const override;
  std::string packed_form(int input) const override;
  void pack(int input, const void* from, void* to) const override;
  // What the output begins with, unless a primitive reads it too.
  bool may_overwrite(size_t output, size_t input) const override;

 private:
  struct Packing {
    int input;
    std::vector<dnnl::memory::desc> chain;
  };
  const Packing* packing(int input) const;
  void* address(Slot slot, const KernelArgs& args, char* temps) const;
  struct Stage {
    dnnl::primitive primitive;
    std::vector<Argument> arguments;
    dnnl::memory::desc scratchpad;
  };
  std::vector<Stage> stages_;
  std::vector<Packing> packings_;
  std::vector<std::vector<float>> constants_;
  int residual_ = -1;
  std::vector<size_t> temp_offsets_;
  size_t temp_bytes_ = 0;
  size_t scratchpad_bytes_ = 0;
};

}  // namespace suan::cpu
