// PanelWeights: constant weights as gemm.h reads them. Panels of 64 columns lie one after the
// other, each with its rows in the order in which they are multiplied; in bf16 two rows lie
// together.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/base/packed_form.h"

namespace suan::cpu {

class PanelWeights {
 public:
  PanelWeights() = default;
  // Of w [k, n], or of a convolution's [n, c, height, width], whose rows are all channels of one
  // place after the other. Strides are those of the plain weights; an element has 4 or 2 bytes.
  PanelWeights(std::vector<int64_t> dims, std::vector<int64_t> strides, int64_t element);

  int64_t k() const { return k_; }
  int64_t n() const { return n_; }
  int64_t panels() const { return panels_; }
  int64_t panel_bytes() const;
  size_t bytes() const { return static_cast<size_t>(panels_ * panel_bytes()); }
  std::string form() const { return to_text(form_); }
  void pack(const void* from, void* to) const;

 private:
  std::vector<int64_t> row_offsets() const;  // in the plain weights
  template <class T, int64_t kTogether>
  void pack_as(const void* from, void* to) const;

  PackedForm form_;
  size_t n_dim_ = 1;
  int64_t k_ = 0, n_ = 0, panels_ = 0;
};

}  // namespace suan::cpu
