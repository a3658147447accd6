// Recurrent layers, unrolled over time in the graph. Names, gates and start are PyTorch's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "suan/nn/dropout.h"
#include "suan/nn/module.h"

namespace suan::nn {

struct RecurrentOptions {
  int64_t layers = 1;
  bool bidirectional = false;
  bool bias = true;
  double dropout = 0;  // between layers
};

struct RecurrentResult {
  Tensor output;  // [n, time, directions hidden], of the last layer; zero past a row's length
  Tensor h;       // [layers directions, n, hidden]: after each row's last step
  Tensor c;       // the same for the cells of an LSTM
};

// i, f, o = sigmoid(.), g = tanh(.) of W_ih x + b_ih + W_hh h + b_hh;  c' = f c + i g;
// h' = o tanh(c'). Hochreiter and Schmidhuber, Neural Computation 1997.
struct LstmCell {
  static constexpr int64_t kGates = 4;  // in this order: i, f, g, o
  static constexpr bool kHasCell = true;
};
// r, z = sigmoid(W_ih x + b_ih + W_hh h + b_hh), n = tanh(W_in x + b_in + r (W_hn h + b_hn));
// h' = (1 - z) n + z h. Cho et al., EMNLP 2014.
struct GruCell {
  static constexpr int64_t kGates = 3;  // in this order: r, z, n
  static constexpr bool kHasCell = false;
};

// x [n, time, in]; lengths [n] of i64, or undefined when all rows are full: a row's state stops
// after its length, and the reverse direction starts there. Throws Error when x has another shape.
template <class Cell>
class Recurrent : public Module {
 public:
  Recurrent(int64_t in, int64_t hidden, RecurrentOptions options = {});
  RecurrentResult operator()(const Tensor& x, const Tensor& lengths = {}) const;
  Members members() override;  // weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..._reverse

 private:
  struct Direction {
    StatePtr weight_ih, weight_hh, bias_ih, bias_hh;
  };
  struct Run {
    Tensor output, h, c;
  };
  Run run(const Tensor& sequence, const Direction& d, bool reverse, const Tensor& lengths) const;
  int64_t in_, hidden_;
  RecurrentOptions options_;
  std::vector<Direction> directions_;  // layer by layer
  ModuleList<Dropout> dropouts_;
};
using Lstm = Recurrent<LstmCell>;
using Gru = Recurrent<GruCell>;

}  // namespace suan::nn
