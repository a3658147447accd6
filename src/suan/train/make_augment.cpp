// Augmentations and models by name.
// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "suan/train/make.h"

namespace suan::train {
namespace {

struct Entry {
  std::string name;
  std::function<data::ImageStep(const Options&)> make;
};

template <class S, class... Fields>
Entry entry(const std::string& name, Fields... fields) {
  return {name, [name, fields...](const Options& options) -> data::ImageStep {
            S step;
            read_options("augment " + name, options, step, std::tuple{fields...});
            return step;
          }};
}

const std::vector<Entry>& entries() {
  using namespace data;
  static const std::vector<Entry> table{
      entry<RandomCrop>("random_crop", Field{"size", &RandomCrop::size},
                        Field{"padding", &RandomCrop::padding}),
      entry<HorizontalFlip>("horizontal_flip", Field{"probability", &HorizontalFlip::probability}),
      entry<Rotate>("rotate", Field{"degrees", &Rotate::degrees}),
      entry<Affine>("affine", Field{"degrees", &Affine::degrees},
                    Field{"translate", &Affine::translate}, Field{"scale_low", &Affine::scale_low},
                    Field{"scale_high", &Affine::scale_high}, Field{"shear", &Affine::shear}),
      entry<ColourJitter>("colour_jitter", Field{"brightness", &ColourJitter::brightness},
                          Field{"contrast", &ColourJitter::contrast},
                          Field{"saturation", &ColourJitter::saturation},
                          Field{"hue", &ColourJitter::hue}),
      entry<Cutout>("cutout", Field{"size", &Cutout::size}, Field{"count", &Cutout::count},
                    Field{"probability", &Cutout::probability}),
      entry<RandAugment>("rand_augment", Field{"count", &RandAugment::count},
                         Field{"magnitude", &RandAugment::magnitude}),
  };
  return table;
}

}  // namespace

data::Augment make_augment(const std::vector<Choice>& choices, const data::Normalize& normalize) {
  data::Augment augment;
  augment.normalize = normalize;
  std::vector<std::string> names;
  for (const Entry& e : entries()) names.push_back(e.name);
  for (const Choice& choice : choices) {
    bool found = false;
    for (const Entry& e : entries()) {
      if (e.name != choice.name) continue;
      augment.steps.push_back(e.make(choice.options));
      found = true;
    }
    if (!found) fail("augment", "{}", unknown_name("augmentation", choice.name, names));
  }
  return augment;
}

std::unique_ptr<models::Model> make_model(const Choice& choice) {
  models::Config config;
  for (const auto& [name, option] : choice.options) config[name] = option.text;
  try {
    return models::create(choice.name, config);
  } catch (const Error& error) {
    if (error.where() == "memory") {
      throw Error(error.code(), "model", choice.name + " is too large: " + error.what());
    }
    if (choice.options.empty()) throw;
    // The place of the option that the message is about, if it names one.
    for (const auto& [name, option] : choice.options) {
      if (std::string_view(error.what()).find("'" + name + "'") != std::string_view::npos) {
        throw Error(error.code(), option.where, error.what());
      }
    }
    throw;
  }
}

}  // namespace suan::train
