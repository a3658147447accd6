// Convolutions as cuda/gpu.h describes them. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/convolution.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "suan/backend/cuda/following.h"
#include "suan/backend/cuda/source.h"
#include "suan/ops/conv.h"
#include "suan/target/target.h"

namespace suan::cuda {
namespace {

constexpr size_t kScratch = size_t{128} << 20;  // that an algorithm may use

ConvolutionKind kind_of(Op op) {
  if (op == Op::conv_transpose) return ConvolutionKind::data_gradient;
  return op == Op::conv_weight_gradient ? ConvolutionKind::weight_gradient
                                        : ConvolutionKind::forward;
}

const char* read(const Node& node, Following& following) {
  if (is(node, Op::conv_transpose) || is(node, Op::conv_weight_gradient)) {
    return read_following(node, node.op->code, following);
  }
  return read_following(node, Op::conv, following);
}

// The operands by their part: data x, filters w, data y. Of a region the types are the anchor's.
struct Parts {
  const Type *x, *w, *y;
};
Parts parts_of(const Node& anchor) {
  const Type &a = anchor.inputs[0].type(), &b = anchor.inputs[1].type();
  const Type& result = anchor.types[0];
  switch (kind_of(anchor.op->code)) {
    case ConvolutionKind::data_gradient:
      return {&result, &b, &a};
    case ConvolutionKind::weight_gradient:
      return {&a, &result, &b};
    default:
      return {&a, &b, &result};
  }
}

std::vector<int64_t> sizes(const Shape& shape) { return {shape.begin(), shape.end()}; }

ConvolutionSpec spec_of(const Node& anchor, const Epilogue& epilogue) {
  const Parts parts = parts_of(anchor);
  const ConvAttrs attrs = complete(anchor.attr<ConvAttrs>(), parts.x->shape.rank() - 2, "conv");
  return {.kind = kind_of(anchor.op->code),
          .x = sizes(parts.x->shape),
          .w = sizes(parts.w->shape),
          .y = sizes(parts.y->shape),
          .stride = attrs.stride,
          .dilation = attrs.dilation,
          .before = attrs.pad_begin,
          .after = attrs.pad_end,
          .groups = attrs.groups,
          .dtype = parts.x->dtype,
          .tf32 = anchor.attr<ConvAttrs>().tf32,
          .scratch_bytes = kScratch,
          .epilogue = epilogue,
          .measure = !reproducible_mode()};
}

const char* anchor_why_not(const Node& anchor) {
  const DType dtype = anchor.types[0].dtype;
  if (!is_float(dtype) || dtype == DType::f64) return "the dtype is not f32, bf16 or f16";
  if (!cudnn_why_not().empty()) return cudnn_why_not().c_str();
  const int rank = anchor.types[0].shape.rank();
  if (rank < 3 || rank > 5) return "there are not one to three spatial axes";
  for (const Tensor& t : anchor.inputs) {
    if (t && t.shape().numel() == 0) return "there is nothing to convolve";
  }
  const bool whole = std::all_of(anchor.types[0].shape.begin(), anchor.types[0].shape.end(),
                                 [](int64_t size) { return size > 0; });
  return whole ? nullptr : "there is nothing to convolve";
}

// A bias that the op itself has is one more bias.
const char* take_own_bias(Following& f) {
  if (f.chain.inputs.size() < 3 || f.chain.inputs[2] < 0) return nullptr;
  if (f.epilogue.bias) return "there are two biases";
  f.epilogue.bias = true;
  f.bias = f.chain.inputs[2];
  return nullptr;
}

const char* why_not(Following& f) {
  if (const char* reason = anchor_why_not(*f.chain.anchor)) return reason;
  if (f.epilogue.preactivation != Preactivation::unused) {
    return "cuDNN is not asked for what comes before an activation";
  }
  const Activation a = f.epilogue.activation;
  if (f.chain.anchor->types[0].dtype == DType::f32 && a != Activation::none &&
      a != Activation::relu) {
    return "cuDNN has no such activation in f32";  // outside of Tensor Cores
  }
  return take_own_bias(f);
}

class ConvolutionCall final : public Call {
 public:
  ConvolutionCall(const Node& node, Following following)
      : node_(node),
        following_(std::move(following)),
        spec_(spec_of(*following_.chain.anchor, following_.epilogue)),
        element_(size_of(spec_.dtype)) {
    const Tensor& w = node.inputs[static_cast<size_t>(following_.chain.inputs[1])];
    const bool filters = spec_.kind != ConvolutionKind::weight_gradient;
    if (filters && is(w.node(), Op::constant)) packed_ = following_.chain.inputs[1];
  }

  size_t scratch_bytes() const override { return spec_.scratch_bytes; }
  size_t packed_bytes(int input) const override {
    if (input != packed_) return 0;
    size_t count = 1;
    for (const int64_t size : spec_.w) count *= static_cast<size_t>(size);
    return count * element_;
  }
  std::string packed_form(int /*input*/) const override {
    return fmt::format("channels_last {}", fmt::join(spec_.w, "x"));
  }
  void pack(int /*input*/, const void* from, void* to) const override {
    const int64_t filters = spec_.w[0], channels = spec_.w[1];
    int64_t space = 1;
    for (size_t i = 2; i < spec_.w.size(); ++i) space *= spec_.w[i];
    const char* source = static_cast<const char*>(from);
    char* target = static_cast<char*>(to);
    for (int64_t o = 0; o < filters; ++o) {
      for (int64_t s = 0; s < space; ++s) {
        for (int64_t c = 0; c < channels; ++c, target += element_) {
          const int64_t at = (o * channels + c) * space + s;
          std::memcpy(target, source + static_cast<size_t>(at) * element_, element_);
        }
      }
    }
  }

  void run(const KernelArgs& args) const override {
    Gpu& gpu = gpu_of(args);
    std::call_once(once_, [&] {
      convolution_ = make_or_follow(node_, following_, spec_, {}, after_,
                                    [&](const auto& spec) { return gpu.convolution(spec); });
    });
    const auto operand = [&](int i) {
      return i < 0 ? nullptr : args.in[static_cast<size_t>(i)].data;
    };
    const auto& inputs = following_.chain.inputs;
    convolution_->run(operand(inputs[0]), operand(inputs[1]), operand(following_.bias),
                      operand(following_.residual), args.out[0].data, args.scratch);
    if (after_) after_->run(args);
  }

 private:
  const Node& node_;
  Following following_;
  ConvolutionSpec spec_;
  size_t element_;
  int packed_ = -1;
  mutable std::once_flag once_;
  mutable std::unique_ptr<Convolution> convolution_;
  mutable std::unique_ptr<FollowingCall> after_;
};

// Whether all that should lie channels last does.
const char* layout_why_not(const Node& node) {
  NodeLayouts wanted;
  for (const Tensor& t : node.inputs) wanted.current.push_back(t ? layout_of(t) : Layout::plain);
  wanted.inputs.assign(node.inputs.size(), Layout::plain);
  wanted.outputs.assign(node.types.size(), Layout::plain);
  choose_convolution_layouts(node, wanted);
  const bool laid = wanted.inputs == wanted.current && wanted.outputs[0] == node.layout(0);
  return laid ? nullptr : "its data is not channels last";
}

}  // namespace

const char* convolution_why_not(const Node& node) {
  Following following;
  if (const char* reason = read(node, following)) return reason;
  if (const char* reason = why_not(following)) return reason;
  return layout_why_not(node);
}

std::unique_ptr<Call> make_convolution_call(const Node& node) {
  Following following;
  read(node, following);
  take_own_bias(following);
  return std::make_unique<ConvolutionCall>(node, std::move(following));
}

bool begins_convolution(const Node& node) {
  return is(node, Op::conv) && is(node.inputs[1].node(), Op::constant) && !anchor_why_not(node);
}

bool is_convolution(const Graph& region) {
  Following following;
  return !read_following(region, Op::conv, following) && !why_not(following);
}

bool choose_convolution_layouts(const Node& node, NodeLayouts& layouts) {
  Following following;
  if (read(node, following) || why_not(following)) return false;
  const auto& inputs = following.chain.inputs;
  const auto last = [&](int operand) {
    if (operand >= 0) layouts.inputs[static_cast<size_t>(operand)] = Layout::channels_last;
  };
  last(inputs[0]);
  const bool packed = !is(node, Op::conv_weight_gradient) &&
                      is(node.inputs[static_cast<size_t>(inputs[1])].node(), Op::constant);
  if (!packed) last(inputs[1]);
  last(following.residual);
  layouts.outputs[0] = Layout::channels_last;
  return true;
}

}  // namespace suan::cuda
