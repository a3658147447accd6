// The table of models and how their options are read.
// SPDX-License-Identifier: Apache-2.0
#include "suan/models/create.h"

#include <functional>

#include "suan/base/error.h"
#include "suan/base/nearest.h"
#include "suan/models/gcn.h"
#include "suan/models/gpt.h"
#include "suan/models/lenet.h"
#include "suan/models/lstm_classifier.h"
#include "suan/models/mlp.h"
#include "suan/models/mobilenet.h"
#include "suan/models/resnet.h"
#include "suan/models/vgg.h"

namespace suan::models {
namespace {

template <class M>
class ModelOf : public Model {
 public:
  template <class O>
  ModelOf(std::string_view name, const O& options) : model_(options), name_(name) {}
  nn::Module& module() override { return model_; }
  Tensor operator()(const std::vector<Tensor>& inputs) override {
    constexpr int kCount = count();
    if (inputs.size() != kCount) {
      fail(name_, "got {} inputs, expected {}", inputs.size(), kCount);
    }
    return [&]<size_t... I>(std::index_sequence<I...>) {
      return model_(inputs[I]...);
    }(std::make_index_sequence<kCount>());
  }

 private:
  static constexpr int count() {
    if constexpr (requires(M m, Tensor t) { m(t); }) return 1;
    if constexpr (requires(M m, Tensor t) { m(t, t); }) return 2;
    return 4;
  }
  M model_;
  std::string name_;
};

template <class O>
std::vector<std::string> option_names() {
  std::vector<std::string> names;
  std::apply([&](auto... field) { (names.emplace_back(field.name), ...); }, O::fields());
  return names;
}

template <class O>
O read_options(std::string_view model, O options, const Config& config) {
  for (const auto& [key, value] : config) {
    bool found = false;
    const auto read = [&](auto field) {
      if (key != field.name) return;
      found = true;
      std::string_view text = value;
      if (!parse_value(text, options.*(field.member)) || !text.empty()) {
        fail(model, "option '{}' cannot be '{}'", key, value);
      }
    };
    std::apply([&](auto... field) { (read(field), ...); }, O::fields());
    if (!found) fail(model, "{}", unknown_name("option", key, option_names<O>()));
  }
  return options;
}

struct Entry {
  std::string name;
  std::function<std::unique_ptr<Model>(std::string_view, const Config&)> create;
};

template <class M, class O>
Entry entry(std::string name, const O& defaults) {
  return {std::move(name), [defaults](std::string_view model, const Config& config) {
            return std::make_unique<ModelOf<M>>(model, read_options(model, defaults, config));
          }};
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> table{
      entry<Mlp>("mlp", MlpOptions{}),
      entry<Lenet>("lenet", LenetOptions{}),
      entry<CifarResnet>("resnet20", CifarResnetOptions{}),
      entry<Resnet>("resnet18", ResnetOptions{}),
      entry<Resnet>("resnet34", ResnetOptions{.blocks = {3, 4, 6, 3}}),
      entry<Resnet>("resnet50", ResnetOptions{.blocks = {3, 4, 6, 3}, .bottleneck = true}),
      entry<Vgg16>("vgg16", Vgg16Options{}),
      entry<MobilenetV2>("mobilenet_v2", MobilenetV2Options{}),
      entry<Gpt>("gpt", GptOptions{}),
      entry<LstmClassifier>("lstm", LstmClassifierOptions{}),
      entry<Gcn>("gcn", GcnOptions{}),
  };
  return table;
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Entry& e : entries()) names.push_back(e.name);
  return names;
}

std::unique_ptr<Model> create(std::string_view name, const Config& config) {
  for (const Entry& e : entries()) {
    if (e.name == name) return e.create(name, config);
  }
  fail("model", "{}", unknown_name("model", name, model_names()));
}

}  // namespace suan::models
