// Sequential: layers of any type, one after the other.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <utility>

#include "suan/nn/module.h"

namespace suan::nn {

// y = f_n(...f_1(x)). A layer is a module, a function of one Tensor or a lambda; each takes an
// index, and a module's states are named by it: "0.weight".
class Sequential : public Module {
 public:
  Sequential() = default;
  template <class... F>
    requires(!(std::is_same_v<std::remove_cvref_t<F>, Sequential> && ...) || sizeof...(F) > 1)
  explicit Sequential(F&&... layers) {
    (add(std::forward<F>(layers)), ...);
  }

  template <class F>
  Sequential& add(F&& layer) {
    layers_.push_back(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(layer)));
    return *this;
  }
  size_t size() const { return layers_.size(); }
  Tensor operator()(const Tensor& x) const {
    Tensor y = x;
    for (const auto& layer : layers_) y = layer->apply(y);
    return y;
  }
  Members members() override {
    Members out;
    for (size_t i = 0; i < layers_.size(); ++i) {
      if (Module* module = layers_[i]->module()) out.add(std::to_string(i), *module);
    }
    return out;
  }

 private:
  struct Layer {
    virtual ~Layer() = default;
    virtual Tensor apply(const Tensor& x) = 0;
    virtual Module* module() = 0;
  };
  template <class F>
  struct Holder : Layer {
    explicit Holder(F layer) : function(std::move(layer)) {}
    Tensor apply(const Tensor& x) override { return function(x); }
    Module* module() override {
      if constexpr (std::is_base_of_v<Module, F>) return &function;
      return nullptr;
    }
    F function;
  };
  std::vector<std::unique_ptr<Layer>> layers_;
};

}  // namespace suan::nn
