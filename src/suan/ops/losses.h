// Losses made of simpler ops. Their elementwise parts fuse with the reduction's operand and with
// their gradients, so none has a kernel of its own. Names, defaults and results are PyTorch's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/graph/op_def.h"

namespace suan {

// What becomes of the losses l of single elements (of rows, for class losses).
enum class Reduction : uint8_t {
  none,        // all of them
  mean,        // sum(l) / count; with class weights, / the sum of the weights that counted
  sum,         // sum(l)
  batch_mean,  // sum(l) / size of the first axis
};

// Every loss throws Error unless x is a float and the target has its shape.

// l = (x - target)^2.
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean);
// l = |x - target|.
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean);
// With e = |x - target|: l = e^2 / 2 where e <= delta, else delta (e - delta / 2). Throws Error
// unless delta > 0. Huber 1964.
Tensor huber_loss(const Tensor& x, const Tensor& target, double delta = 1,
                  Reduction reduction = Reduction::mean);
// With e = |x - target|: l = e^2 / (2 beta) where e < beta, else e - beta / 2; beta = 0 gives
// l1_loss. Throws Error unless beta >= 0. Girshick, "Fast R-CNN", ICCV 2015.
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta = 1,
                      Reduction reduction = Reduction::mean);

struct BinaryLossOptions {
  Tensor weight;      // of each element; broadcasts to x's shape
  Tensor pos_weight;  // of the term of positives; broadcasts. With logits only
  Reduction reduction = Reduction::mean;
};
// l = -weight (t log p + (1 - t) log(1 - p)) for probabilities p; logarithms stop at -100, where
// they have no slope.
Tensor binary_cross_entropy(const Tensor& p, const Tensor& target,
                            const BinaryLossOptions& options = {});
// l = weight ((1 - t) x + (1 + (pos_weight - 1) t) softplus(-x)): binary cross-entropy of
// sigmoid(x), without overflow.
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target,
                                        const BinaryLossOptions& options = {});

struct KlOptions {
  bool log_target = false;  // the target holds log-probabilities too
  Reduction reduction = Reduction::batch_mean;
};
// l = t (log t - x), 0 where t = 0, for log-probabilities x and probabilities t; with log_target
// l = exp(t) (t - x). The divergence KL(t || exp(x)) by rows is its sum. Kullback and Leibler 1951.
Tensor kl_div(const Tensor& x, const Tensor& target, KlOptions options = {});

struct ClassLossOptions {
  Tensor weight;                // [classes]: of each class
  int64_t ignore_index = -100;  // rows with this label count neither in the sum nor in the mean
  double label_smoothing = 0;   // cross_entropy_loss only: share spread evenly over all classes
  Reduction reduction = Reduction::mean;
};
// l[r] = -weight[label] x[r, label] for log-probabilities x [rows..., classes] and labels [rows...]
// of i64 or i32. A label outside [0, classes) makes the run throw Error(kOutOfRange).
Tensor nll_loss(const Tensor& x, const Tensor& labels, const ClassLossOptions& options = {});
// nll_loss of log_softmax(logits) with label smoothing s: (1 - s) weight[label] (-log p[label]) + s
// / classes sum_k weight[k] (-log p[k]). Without weights and reduced to the mean it is the op
// cross_entropy, which is one pass over the logits.
Tensor cross_entropy_loss(const Tensor& logits, const Tensor& labels,
                          const ClassLossOptions& options = {});

}  // namespace suan
