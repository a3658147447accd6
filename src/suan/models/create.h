// Models by name, for recipes: "resnet18" and settings as text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "suan/nn/module.h"

namespace suan::models {

// A model whose C++ type is not known. What inputs it takes depends on the model: see its header.
class Model {
 public:
  virtual ~Model() = default;
  virtual nn::Module& module() = 0;
  // Throws Error when the number of inputs is not what the model takes.
  virtual Tensor operator()(const std::vector<Tensor>& inputs) = 0;
};

using Config = std::map<std::string, std::string>;  // option name to value, as graph text prints it

// mlp, lenet, resnet20, resnet18, resnet34, resnet50, vgg16, mobilenet_v2, gpt, lstm, gcn. Options
// are the fields of the model's option struct, such as {"classes", "10"}. Throws Error for an
// unknown model or option (naming the nearest one) and for a value that does not fit.
std::unique_ptr<Model> create(std::string_view name, const Config& config = {});

std::vector<std::string> model_names();

}  // namespace suan::models
