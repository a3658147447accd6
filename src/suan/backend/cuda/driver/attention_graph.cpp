// Graphs of attention: cuDNN's fused engines know them by their operations, the order of these and
// the types between them, which are those of NVIDIA's cudnn-frontend. Sizes are given as [b, heads,
// rows, width] whatever lies in memory. The gradient's graph is the one without an accumulator of
// gq in f32: engines add to that in any order, and no numerical note says so. Without it they keep
// the [t, s] gradients of the scores in 16 bits in their scratch memory, and sums have an order.
// SPDX-License-Identifier: Apache-2.0
#ifdef SUAN_CUDNN
#include "suan/backend/cuda/driver/attention_graph.h"

namespace suan::cuda {
namespace {

using Sizes = std::vector<int64_t>;
constexpr int64_t kRowAxis = 2, kColumnAxis = 3;

// A tensor of the graph.
struct Value {
  size_t part;
  Sizes sizes, strides;
};

Sizes row_major(const Sizes& sizes) {
  return {sizes[1] * sizes[2] * sizes[3], sizes[2] * sizes[3], sizes[3], 1};
}

class Builder {
 public:
  explicit Builder(const AttentionSpec& spec) : spec_(spec), low_(cudnn_type(spec.dtype)) {}

  OperationGraph build(cudnnHandle_t handle) {
    if (spec_.gradient) {
      add_gradient();
    } else {
      add_forward();
    }
    return graph_.build(handle);
  }

 private:
  Value add(int64_t id, cudnnDataType_t type, Sizes sizes, Sizes strides) {
    const size_t part = graph_.add_tensor({.id = id,
                                           .type = type,
                                           .sizes = sizes,
                                           .strides = strides,
                                           .between = id >= kFirstBetween});
    return {part, std::move(sizes), std::move(strides)};
  }
  // An operand that lies as the op says.
  Value operand(int64_t id, int64_t heads, int64_t rows) {
    const int64_t d = spec_.d;
    Sizes strides{heads * rows * d, rows * d, d, 1};
    if (spec_.heads_inside) strides = {heads * rows * d, d, heads * d, 1};
    return add(id, low_, {spec_.b, heads, rows, d}, strides);
  }
  // The same memory with rows and columns exchanged.
  Value transposed(int64_t id, int64_t heads, int64_t rows) {
    const int64_t d = spec_.d;
    Sizes strides{heads * rows * d, rows * d, 1, d};
    if (spec_.heads_inside) strides = {heads * rows * d, d, 1, heads * d};
    return add(id, low_, {spec_.b, heads, d, rows}, strides);
  }
  Value per_row(int64_t id) {
    const Sizes sizes{spec_.b, spec_.h, spec_.t, 1};
    return add(id, CUDNN_DATA_FLOAT, sizes, row_major(sizes));
  }
  Value between(const Sizes& sizes, cudnnDataType_t type = CUDNN_DATA_FLOAT) {
    return add(kFirstBetween + count_++, type, sizes, row_major(sizes));
  }
  Value scalar(int64_t id, cudnnDataType_t type = CUDNN_DATA_FLOAT) {
    const Sizes one{1, 1, 1, 1};
    const size_t part =
        graph_.add_tensor({.id = id, .type = type, .sizes = one, .strides = one, .by_value = true});
    return {part, one, one};
  }

  void multiply(const Value& a, const Value& b, const Value& to) {
    Descriptor how(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    how.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_DATA_FLOAT);
    const size_t step = graph_.add(std::move(how));
    Descriptor operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, graph_.part(step))
        .set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, graph_.part(a.part))
        .set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, graph_.part(b.part))
        .set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, graph_.part(to.part));
    graph_.add_operation(std::move(operation));
  }

  struct Pointwise {
    cudnnPointwiseMode_t mode;
    cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    std::optional<int64_t> axis = {};
  };
  void pointwise(const Pointwise& what, const Value& to, const Value& x, const Value* b = nullptr,
                 const Value* condition = nullptr) {
    PointwiseInfo info{
        .mode = what.mode, .compute = what.compute, .axis = what.axis, .to = to.part, .x = x.part};
    if (b) info.b = b->part;
    if (condition) info.condition = condition->part;
    graph_.add_pointwise(info);
  }
  Value apply(cudnnPointwiseMode_t mode, const Value& x) {
    Value y = between(x.sizes);
    pointwise({mode}, y, x);
    return y;
  }
  Value apply(cudnnPointwiseMode_t mode, const Value& x, const Value& b) {
    Value y = between(x.sizes);
    pointwise({mode}, y, x, &b);
    return y;
  }
  void reduce(cudnnReduceTensorOp_t op, const Value& x, const Value& to) {
    Descriptor how(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    how.set(CUDNN_ATTR_REDUCTION_OPERATOR, op)
        .set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    const size_t step = graph_.add(std::move(how));
    Descriptor operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, graph_.part(step))
        .set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, graph_.part(x.part))
        .set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, graph_.part(to.part));
    graph_.add_operation(std::move(operation));
  }
  Value reduce_rows(cudnnReduceTensorOp_t op, const Value& x) {
    Value y = between({spec_.b, spec_.h, spec_.t, 1});
    reduce(op, x, y);
    return y;
  }
  void reshape(const Value& x, const Value& to) {
    Descriptor operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, graph_.part(x.part))
        .set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, graph_.part(to.part));
    graph_.add_operation(std::move(operation));
  }
  Value transposed_between(const Value& x, cudnnDataType_t type) {
    Value y = add(kFirstBetween + count_++, type, {x.sizes[0], x.sizes[1], x.sizes[3], x.sizes[2]},
                  {x.strides[0], x.strides[1], x.strides[3], x.strides[2]});
    reshape(x, y);
    return y;
  }

  // The row up to which a query sees keys: i + s - t.
  Value reach(const Value& scores) {
    Value row = between(scores.sizes, CUDNN_DATA_INT32);
    pointwise({CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, kRowAxis}, row, scores);
    if (spec_.t == spec_.s) return row;
    const auto move = [&](cudnnPointwiseMode_t mode, int64_t id) {
      const Value count = scalar(id, CUDNN_DATA_INT32);
      const Value moved = between(scores.sizes, CUDNN_DATA_INT32);
      pointwise({mode, CUDNN_DATA_INT32, kColumnAxis}, moved, row, &count);
      row = moved;
    };
    move(CUDNN_POINTWISE_ADD, kKeyCount);
    move(CUDNN_POINTWISE_SUB, kQueryCount);
    return row;
  }
  Value masked(const Value& scores) {
    const Value row = reach(scores);
    const Value column = between(scores.sizes, CUDNN_DATA_INT32);
    pointwise({CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_FLOAT, kColumnAxis}, column, scores);
    const Value seen = between(scores.sizes, CUDNN_DATA_BOOLEAN);
    pointwise({CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN}, seen, row, &column);
    const Value hidden = scalar(kHidden);
    Value y = between(scores.sizes);
    pointwise({CUDNN_POINTWISE_BINARY_SELECT}, y, scores, &hidden, &seen);
    return y;
  }

  Sizes scores() const { return {spec_.b, spec_.h, spec_.t, spec_.s}; }

  void add_forward() {
    const Value q = operand(kQueries, spec_.h, spec_.t);
    const Value k = transposed(kKeys, spec_.h_kv, spec_.s);
    const Value products = between(scores());
    multiply(q, k, products);
    Value x = apply(CUDNN_POINTWISE_MUL, products, scalar(kScale));
    if (spec_.causal) x = masked(x);
    const Value top = reduce_rows(CUDNN_REDUCE_TENSOR_MAX, x);
    const Value e = apply(CUDNN_POINTWISE_EXP, apply(CUDNN_POINTWISE_SUB, x, top));
    const Value total = reduce_rows(CUDNN_REDUCE_TENSOR_ADD, e);
    const Value log = apply(CUDNN_POINTWISE_LOG, total);
    pointwise({CUDNN_POINTWISE_ADD}, per_row(kLogsumexp), top, &log);
    const Value p = between(scores(), low_);
    pointwise({CUDNN_POINTWISE_DIV}, p, e, &total);
    const Value v = operand(kValues, spec_.h_kv, spec_.s);
    multiply(p, v, operand(kResult, spec_.h, spec_.t));
  }

  // [.., s, t] times what has t rows, summed over the queries' heads that share one.
  void multiply_for_keys(const Value& weights, const Value& rows, int64_t id) {
    const Value to = operand(id, spec_.h_kv, spec_.s);
    if (spec_.h == spec_.h_kv) {
      multiply(weights, rows, to);
      return;
    }
    const Value each = between({spec_.b, spec_.h, spec_.s, spec_.d}, low_);
    multiply(weights, rows, each);
    reduce(CUDNN_REDUCE_TENSOR_ADD, each, to);
  }

  // The sums of g y over a row.
  Value delta(const Value& g) {
    const Value y = operand(kResult, spec_.h, spec_.t);
    const Value sums = reduce_rows(CUDNN_REDUCE_TENSOR_ADD, apply(CUDNN_POINTWISE_MUL, g, y));
    Value result = per_row(kDelta);
    const Value one = scalar(kOne);
    pointwise({CUDNN_POINTWISE_MUL}, result, sums, &one);
    return result;
  }
  // The weights once more: exp(scores - logsumexp).
  Value weights(const Value& q, const Value& k, const Value& scale) {
    const Value products = between(scores());
    multiply(q, k, products);
    const Value scaled = apply(CUDNN_POINTWISE_MUL, products, scale);
    Value x = apply(CUDNN_POINTWISE_SUB, scaled, per_row(kLogsumexp));
    if (spec_.causal) x = masked(x);
    return apply(CUDNN_POINTWISE_EXP, x);
  }
  void add_gradient() {
    const Value g = operand(kResultGradient, spec_.h, spec_.t);
    const Value sums = delta(g);
    const Value q = operand(kQueries, spec_.h, spec_.t);
    const Value k = transposed(kKeys, spec_.h_kv, spec_.s);
    const Value scale = scalar(kScale);
    const Value p = weights(q, k, scale);
    multiply_for_keys(transposed_between(p, low_), g, kValueGradient);

    const Value gp = between(scores());
    multiply(g, transposed(kValues, spec_.h_kv, spec_.s), gp);
    const Value e = apply(CUDNN_POINTWISE_MUL, apply(CUDNN_POINTWISE_SUB, gp, sums), p);
    const Value gs = apply(CUDNN_POINTWISE_MUL, e, scale);
    multiply_for_keys(transposed_between(gs, low_), q, kKeyGradient);
    multiply(gs, transposed_between(k, low_), operand(kQueryGradient, spec_.h, spec_.t));
  }

  const AttentionSpec& spec_;
  cudnnDataType_t low_;
  GraphBuilder graph_;
  int64_t count_ = 0;
};

}  // namespace

OperationGraph attention_graph(const AttentionSpec& spec, cudnnHandle_t handle) {
  return Builder(spec).build(handle);
}

}  // namespace suan::cuda
#endif
