// Products as cuBLASLt takes them: a matrix, or a batch with even steps between its matrices.
// Leading axes that broadcast otherwise take several products. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/product.h"

#include <algorithm>
#include <mutex>
#include <numeric>
#include <vector>

#include "suan/backend/cuda/following.h"
#include "suan/backend/cuda/source.h"
#include "suan/backend/seen_dims.h"
#include "suan/ops/matmul.h"
#include "suan/ops/op.h"

namespace suan::cuda {
namespace {

constexpr double kLarge = 1e7;                 // FLOPs of products that may use scratch memory
constexpr size_t kScratch = size_t{32} << 20;  // what cuBLASLt wants on Hopper

// Of GELU alone: for ReLU's gradient cuBLASLt wants a mask of bits in lines of 128, which no op
// here makes or reads.
const char* preactivation_why_not(const Epilogue& epilogue, const Type& result) {
  if (epilogue.preactivation == Preactivation::unused) return nullptr;
  if (epilogue.activation != Activation::gelu_tanh) {
    return "cuBLASLt keeps no value before this activation";
  }
  if (result.shape.back() % kPreactivationStep != 0) {
    return "cuBLASLt wants the value before an activation in rows of a multiple of 8";
  }
  if (epilogue.preactivation == Preactivation::kept) return nullptr;
  if (size_of(result.dtype) != 2) return "cuBLASLt has the gradient of GELU in 16 bits alone";
  return epilogue.bias ? "cuBLASLt has no gradient of an activation of a sum" : nullptr;
}

const char* epilogue_why_not(const Epilogue& epilogue, const Type& result) {
  const DType dtype = result.dtype;
  const Activation a = epilogue.activation;
  if (dtype == DType::f64 && !(epilogue == Epilogue())) return "cuBLASLt has no epilogues in f64";
  if (a != Activation::none && epilogue.residual) return "cuBLASLt has no activation of a sum";
  if (a != Activation::none && a != Activation::relu && a != Activation::gelu_tanh) {
    return "cuBLASLt has no such activation";
  }
  return preactivation_why_not(epilogue, result);
}

const char* anchor_why_not(const Node& product) {
  const DType dtype = product.types[0].dtype;
  if (!is_float(dtype)) return "the dtype is not a float";
  if (!cublas_why_not().empty()) return cublas_why_not().c_str();
  if (product.types[0].shape.numel() == 0 || product.inputs[0].shape().numel() == 0) {
    return "there is nothing to multiply";
  }
  return nullptr;
}

// Where the matrices of an operand begin, for each index along the leading axes of the result, but
// for those of size 1: in elements, `step` apart within a batch.
class Stack {
 public:
  Stack(const Shape& operand, const Shape& result) {
    const Shape strides = seen_strides(operand, result.rank());
    for (int i = 0; i < result.rank() - 2; ++i) {
      if (result[i] != 1) steps_.push_back(strides[i]);
    }
  }
  int64_t step(int axis) const { return steps_[static_cast<size_t>(axis)]; }
  // Whether axes [first, last] of these sizes are one axis with the last one's step.
  bool merges(const Shape& sizes, int first, int last) const {
    for (int i = first; i < last; ++i) {
      if (step(i) != step(i + 1) * sizes[i + 1]) return false;
    }
    return true;
  }

 private:
  std::vector<int64_t> steps_;
};

struct Part {
  int64_t a, b, y;  // in elements
};

class ProductCall final : public Call {
 public:
  ProductCall(const Node& node, Following following)
      : node_(node), following_(std::move(following)) {
    const Node& product = *following_.chain.anchor;
    const auto& attrs = product.attr<MatmulAttrs>();
    const Shape &a = product.inputs[0].shape(), &b = product.inputs[1].shape();
    const Shape& y = product.types[0].shape;
    spec_.transpose_a = attrs.transpose_a;
    spec_.transpose_b = attrs.transpose_b;
    spec_.m = y.at(-2);
    spec_.n = y.back();
    spec_.k = a.at(attrs.transpose_a ? -2 : -1);
    spec_.dtype = spec_.result = product.types[0].dtype;
    spec_.tf32 = attrs.tf32;
    spec_.epilogue = following_.epilogue;
    spec_.measure = !reproducible_mode();
    if (b.rank() == 2 && !attrs.transpose_a) {  // a taller matrix
      spec_.m = y.numel() / spec_.n;
      parts_ = {{0, 0, 0}};
    } else {
      place_parts(a, b, y);
    }
    const double flops = 2.0 * static_cast<double>(y.numel()) * static_cast<double>(spec_.k);
    spec_.scratch_bytes = flops > kLarge ? kScratch : 0;
    element_ = size_of(node.types[0].dtype);
    align_to(spec_.stride_a);
    align_to(spec_.stride_b);
    align_to(spec_.stride_y);
    for (const Part& part : parts_) {
      align_to(part.a);
      align_to(part.b);
      align_to(part.y);
    }
  }

  size_t scratch_bytes() const override { return spec_.scratch_bytes; }
  bool may_overwrite(size_t /*output*/, size_t input) const override {
    return static_cast<int>(input) == following_.residual;
  }

  void run(const KernelArgs& args) const override {
    Gpu& gpu = gpu_of(args);
    std::call_once(once_, [&] {
      // The result may lie where the residual does.
      const Epilogue least{.residual = spec_.epilogue.residual};
      product_ = make_or_follow(node_, following_, spec_, least, after_,
                                [&](const auto& spec) { return gpu.product(spec); });
    });
    const auto& inputs = following_.chain.inputs;
    const auto operand = [&](int i) {
      return i < 0 ? nullptr : args.in[static_cast<size_t>(i)].as<char>();
    };
    const char *a = operand(inputs[0]), *b = operand(inputs[1]);
    const char *bias = operand(following_.bias), *residual = operand(following_.residual);
    // What follows by itself reads the product from the memory of the first result.
    char* y = (after_ ? args.out.front() : args.out.back()).as<char>();
    char* preactivation = after_ ? nullptr : preactivation_in(args);
    for (const Part& part : parts_) {
      const auto at = [&](int64_t elements) { return static_cast<size_t>(elements) * element_; };
      const auto beside = [&](auto* block) { return block ? block + at(part.y) : nullptr; };
      product_->run({.a = a + at(part.a),
                     .b = b + at(part.b),
                     .bias = bias,
                     .residual = beside(residual),
                     .preactivation = beside(preactivation),
                     .y = y + at(part.y),
                     .scratch = args.scratch});
    }
    if (after_) after_->run(args);
  }

 private:
  char* preactivation_in(const KernelArgs& args) const {
    if (spec_.epilogue.preactivation == Preactivation::kept) return args.out[0].as<char>();
    const int given = following_.preactivation;
    return given < 0 ? nullptr : args.in[static_cast<size_t>(given)].as<char>();
  }
  // A block begins at an aligned address; what lies so many elements after it need not.
  void align_to(int64_t elements) {
    while (static_cast<size_t>(elements) * element_ % spec_.alignment != 0) spec_.alignment /= 2;
  }
  // As many leading axes as lie evenly in both operands are a batch, the others several products.
  void place_parts(const Shape& a, const Shape& b, const Shape& y) {
    const Stack stack_a(a, y), stack_b(b, y);
    Shape sizes;
    for (int i = 0; i < y.rank() - 2; ++i) {
      if (y[i] != 1) sizes.push_back(y[i]);
    }
    const int lead = sizes.rank();
    int first = std::max(0, lead - 1);
    while (first > 0 && stack_a.merges(sizes, first - 1, lead - 1) &&
           stack_b.merges(sizes, first - 1, lead - 1)) {
      --first;
    }
    const int64_t each = spec_.m * spec_.n;
    if (lead > 0) {
      spec_.batch = sizes.numel(first, lead);
      spec_.stride_a = stack_a.step(lead - 1);
      spec_.stride_b = stack_b.step(lead - 1);
      spec_.stride_y = each;
    }
    Shape rest;
    for (int i = 0; i < first; ++i) rest.push_back(sizes[i]);
    Shape index = Shape::filled(first, 0);
    int64_t number = 0;
    do {
      Part part{0, 0, number++ * spec_.batch * each};
      for (int i = 0; i < first; ++i) {
        part.a += index[i] * stack_a.step(i);
        part.b += index[i] * stack_b.step(i);
      }
      parts_.push_back(part);
    } while (next_index(index, rest));
  }

  const Node& node_;
  Following following_;
  ProductSpec spec_;
  std::vector<Part> parts_;
  size_t element_ = 0;
  mutable std::once_flag once_;
  mutable std::unique_ptr<Product> product_;
  mutable std::unique_ptr<FollowingCall> after_;
};

class ScaledProductCall final : public Call {
 public:
  explicit ScaledProductCall(const Node& node) {
    const Shape &a = node.inputs[0].shape(), &b = node.inputs[1].shape();
    spec_ = {.m = a[0],
             .n = b[0],
             .k = a[1],
             .transpose_b = true,
             .dtype = node.inputs[0].dtype(),
             .result = node.types[0].dtype,
             .fp8_b = node.inputs[1].dtype(),
             .scratch_bytes = kScratch,
             .measure = !reproducible_mode()};
  }
  size_t scratch_bytes() const override { return spec_.scratch_bytes; }
  bool may_overwrite(size_t /*output*/, size_t /*input*/) const override { return false; }
  void run(const KernelArgs& args) const override {
    std::call_once(once_, [&] { product_ = gpu_of(args).product(spec_); });
    product_->run({.a = args.in[0].data,
                   .b = args.in[1].data,
                   .bias = nullptr,
                   .residual = nullptr,
                   .preactivation = nullptr,
                   .y = args.out[0].data,
                   .scratch = args.scratch,
                   .scale_a = args.in[2].data,
                   .scale_b = args.in[3].data});
  }

 private:
  ProductSpec spec_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<Product> product_;
};

}  // namespace

const char* scaled_product_why_not(const Node& node) {
  constexpr int64_t kMultiple = 16;  // bytes that FP8 units read at once
  if (!cublas_why_not().empty()) return cublas_why_not().c_str();
  if (!fp8_why_not().empty()) return fp8_why_not().c_str();
  if (node.types[0].dtype == DType::f64) return "cuBLASLt gives no f64 of FP8";
  const Shape &a = node.inputs[0].shape(), &b = node.inputs[1].shape();
  for (const int64_t size : {a[0], a[1], b[0]}) {
    if (size % kMultiple != 0 || size == 0) return "a size is not a multiple of 16";
  }
  const bool gradients =
      node.inputs[0].dtype() == DType::f8e5m2 && node.inputs[1].dtype() == DType::f8e5m2;
  return gradients ? "cuBLASLt has no product of two f8e5m2" : plain_why_not(node);
}
std::unique_ptr<Call> make_scaled_product_call(const Node& node) {
  return std::make_unique<ScaledProductCall>(node);
}

const char* product_why_not(const Node& node) {
  Following following;
  if (const char* reason = read_following(node, Op::matmul, following)) return reason;
  if (const char* reason = anchor_why_not(*following.chain.anchor)) return reason;
  return epilogue_why_not(following.epilogue, node.types[0]);
}

std::unique_ptr<Call> make_product_call(const Node& node) {
  Following following;
  read_following(node, Op::matmul, following);
  return std::make_unique<ProductCall>(node, std::move(following));
}

bool begins_product(const Node& node) { return is(node, Op::matmul) && !anchor_why_not(node); }

bool is_product(const Node& anchor, const Graph& region) {
  Following following;
  if (read_following(region, Op::matmul, following)) return false;
  if (epilogue_why_not(following.epilogue, region.outputs[0].type())) return false;
  // In training the value before an activation is mostly wanted too, and where it is not,
  // checkpointing must give the same bits as where it is: there it is always a result.
  const Tensor& weights = anchor.inputs[1];
  const bool stay = weights.rank() == 2 && is(weights.node(), Op::constant);
  return stay || following.epilogue.preactivation != Preactivation::unused;
}

}  // namespace suan::cuda
