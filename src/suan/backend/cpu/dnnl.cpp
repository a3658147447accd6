// Running primitives through the C interface: no argument maps are built, handles are set per run.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cpu/dnnl.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "suan/base/error.h"
#include "suan/base/packed_form.h"

namespace suan::cpu {
namespace {

void check(dnnl_status_t status, const char* what) {
  if (status != dnnl_success) {
    fail(ErrorCode::kSystem, "oneDNN", "{} failed: {}", what, dnnl_status2str(status));
  }
}

}  // namespace

dnnl::engine& dnnl_engine() {
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}
dnnl::stream& dnnl_stream() {
  thread_local dnnl::stream stream(dnnl_engine());
  return stream;
}

bool has_avx512() {
  static const bool yes = __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return yes;
}
bool has_avx512_bf16() {
  static const bool yes = has_avx512() && __builtin_cpu_supports("avx512bf16");
  return yes;
}

bool has_avx512_vnni() {
  static const bool yes = has_avx512() && __builtin_cpu_supports("avx512vnni");
  return yes;
}

dnnl::memory::data_type dnnl_type(DType dtype) {
  using Type = dnnl::memory::data_type;
  if (dtype == DType::bf16) return Type::bf16;
  if (dtype == DType::i8) return Type::s8;
  return dtype == DType::u8 ? Type::u8 : Type::f32;
}

dnnl::memory::desc dnnl_desc(const Shape& shape, DType dtype, Layout layout) {
  const dnnl::memory::dims dims(shape.begin(), shape.end());
  if (layout == Layout::blocked16) {
    using Tag = dnnl::memory::format_tag;
    constexpr Tag kTags[] = {Tag::aBc16b, Tag::aBcd16b, Tag::aBcde16b};
    return {dims, dnnl_type(dtype), kTags[shape.rank() - 3]};
  }
  const Shape row_major = physical_shape(shape, layout).strides();
  dnnl::memory::dims strides(row_major.begin(), row_major.end());
  if (layout == Layout::channels_last) {  // (n, spatial..., c) back to (n, c, spatial...)
    strides.insert(strides.begin() + 1, strides.back());
    strides.pop_back();
  }
  return {dims, dnnl_type(dtype), strides};
}
dnnl::memory::desc dnnl_desc(const Tensor& t) {
  return dnnl_desc(t.shape(), t.dtype(), layout_of(t));
}
dnnl::memory::desc dnnl_any(const dnnl::memory::desc& desc) {
  return {desc.dims(), desc.data_type(), dnnl::memory::format_tag::any};
}
dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

Slot DnnlCall::add_temp(const dnnl::memory::desc& desc) {
  temp_offsets_.push_back(temp_bytes_);
  temp_bytes_ += aligned(desc.get_size());
  return {Slot::temp, static_cast<int>(temp_offsets_.size()) - 1};
}

void DnnlCall::add(const dnnl::primitive& primitive, std::vector<Argument> arguments,
                   const dnnl::memory::desc& scratchpad) {
  scratchpad_bytes_ = std::max(scratchpad_bytes_, aligned(scratchpad.get_size()));
  stages_.push_back({primitive, std::move(arguments), scratchpad});
}

Slot DnnlCall::reordered(Slot from, const dnnl::memory::desc& from_desc,
                         const dnnl::memory::desc& to) {
  if (from_desc == to) return from;
  const Slot temp = add_temp(to);
  finish(from, from_desc, temp, to);
  return temp;
}
Slot DnnlCall::constant(std::vector<float> values) {
  constants_.push_back(std::move(values));
  return {Slot::own, static_cast<int>(constants_.size()) - 1};
}
Slot DnnlCall::packed(int input, std::vector<dnnl::memory::desc> chain) {
  if (chain.front() != chain.back()) packings_.push_back({input, std::move(chain)});
  return {Slot::in, input};
}
const DnnlCall::Packing* DnnlCall::packing(int input) const {
  for (const Packing& p : packings_) {
    if (p.input == input) return &p;
  }
  return nullptr;
}
size_t DnnlCall::packed_bytes(int input) const {
  const Packing* p = packing(input);
  return p ? p->chain.back().get_size() : 0;
}
namespace {

bool is_plain_blocks(const dnnl_memory_desc_t& desc) {
  return desc.format_kind == dnnl_blocked && desc.extra.flags == 0 && desc.offset0 == 0 &&
         std::all_of(desc.padded_offsets, desc.padded_offsets + desc.ndims,
                     [](dnnl_dim_t offset) { return offset == 0; });
}

// The form of a permutation with padding; nothing for all else (Winograd's, changes of dtype).
std::optional<PackedForm> form_of(const dnnl_memory_desc_t& from, const dnnl_memory_desc_t& to) {
  const auto &plain = from.format_desc.blocking, &packed = to.format_desc.blocking;
  const bool permutes = is_plain_blocks(from) && is_plain_blocks(to) && plain.inner_nblks == 0 &&
                        from.data_type == to.data_type;
  if (!permutes) return std::nullopt;
  PackedForm form;
  form.element_size = static_cast<int64_t>(
      dnnl::memory::data_type_size(static_cast<dnnl::memory::data_type>(to.data_type)));
  for (int d = 0; d < to.ndims; ++d) {
    form.dims.push_back(to.dims[d]);
    form.plain_strides.push_back(plain.strides[d]);
    form.strides.push_back(packed.strides[d]);
  }
  for (int b = 0; b < packed.inner_nblks; ++b) {
    form.blocks.push_back({packed.inner_blks[b], packed.inner_idxs[b]});
  }
  return form;
}

}  // namespace

std::string DnnlCall::packed_form(int input) const {
  const auto& chain = packing(input)->chain;
  if (chain.size() == 2) {
    const auto described = form_of(chain[0].data, chain[1].data);
    if (described) return to_text(*described);
  }
  std::string form;
  for (const dnnl::memory::desc& desc : chain) {
    form.append(reinterpret_cast<const char*>(&desc.data), sizeof(desc.data));
  }
  return form;
}
void DnnlCall::pack(int input, const void* from, void* to) const {
  const auto& chain = packing(input)->chain;
  BufferPtr between;
  void* source = const_cast<void*>(from);  // NOLINT: oneDNN takes no const, and only reads it
  for (size_t i = 1; i < chain.size(); ++i) {
    const bool last = i + 1 == chain.size();
    const BufferPtr next = last ? nullptr : Buffer::allocate(chain[i].get_size());
    void* target = last ? to : next->data();
    dnnl::memory a(chain[i - 1], dnnl_engine(), source), b(chain[i], dnnl_engine(), target);
    dnnl::reorder(a, b).execute(dnnl_stream(), a, b);
    between = next;
    source = target;
  }
}
Slot DnnlCall::target(Slot to, const dnnl::memory::desc& to_desc, const dnnl::memory::desc& desc) {
  return desc == to_desc ? to : add_temp(desc);
}
void DnnlCall::finish(Slot from, const dnnl::memory::desc& desc, Slot to,
                      const dnnl::memory::desc& to_desc) {
  if (from.kind == to.kind && from.index == to.index) return;
  const dnnl::reorder::primitive_desc pd(dnnl_engine(), desc, dnnl_engine(), to_desc,
                                         user_scratchpad());
  add(dnnl::reorder(pd), {{DNNL_ARG_FROM, desc, from}, {DNNL_ARG_TO, to_desc, to}},
      pd.scratchpad_desc());
}

bool DnnlCall::may_overwrite(size_t /*output*/, size_t input) const {
  const auto reads = [&](const Stage& stage) {
    return std::any_of(stage.arguments.begin(), stage.arguments.end(), [&](const Argument& a) {
      return a.slot.kind == Slot::in && a.slot.index == residual_;
    });
  };
  return static_cast<int>(input) == residual_ &&
         std::none_of(stages_.begin(), stages_.end(), reads);
}

void* DnnlCall::address(Slot slot, const KernelArgs& args, char* temps) const {
  const auto i = static_cast<size_t>(slot.index);
  if (slot.kind == Slot::in) return args.in[i].data;
  if (slot.kind == Slot::out) return args.out[i].data;
  if (slot.kind == Slot::temp) return temps + temp_offsets_[i];
  return const_cast<float*>(constants_[i].data());  // NOLINT: oneDNN takes no const
}

void DnnlCall::run(const KernelArgs& args) const {
  if (residual_ >= 0) {
    const Operand &from = args.in[static_cast<size_t>(residual_)], &to = args.out[0];
    if (from.data != to.data) std::memcpy(to.data, from.data, to.type.bytes());
  }
  constexpr size_t kMaxArguments = 12;
  char* temps = static_cast<char*>(args.scratch);
  for (const Stage& stage : stages_) {
    dnnl_exec_arg_t list[kMaxArguments];
    size_t n = 0;
    const auto bind = [&](int code, const dnnl::memory::desc& desc, void* data) {
      dnnl_memory_t memory = nullptr;
      check(dnnl_memory_create(&memory, &desc.data, dnnl_engine().get(), data), "memory");
      list[n++] = {code, memory};
    };
    for (const Argument& a : stage.arguments) {
      bind(a.code, a.desc, address(a.slot, args, temps));
    }
    if (stage.scratchpad.get_size()) {
      bind(DNNL_ARG_SCRATCHPAD, stage.scratchpad, temps + temp_bytes_);
    }
    const dnnl_status_t status = dnnl_primitive_execute(stage.primitive.get(), dnnl_stream().get(),
                                                        static_cast<int>(n), list);
    for (size_t i = 0; i < n; ++i) dnnl_memory_destroy(list[i].memory);
    check(status, "execution");
  }
}

}  // namespace suan::cpu
