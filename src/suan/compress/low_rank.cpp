// Layers in two factors.
// SPDX-License-Identifier: Apache-2.0
#include "suan/compress/low_rank.h"

#include <cmath>
#include <functional>
#include <map>

#include "suan/base/error.h"
#include "suan/compress/svd.h"
#include "suan/nn/conv.h"
#include "suan/nn/linear.h"

namespace suan::compress {
namespace {

constexpr std::string_view kWhere = "technique.low_rank";

// The weights of a layer that can be in two factors.
struct Factorable {
  std::string name;
  StatePtr* weight;
  StatePtr* factor;
};

void find(nn::Module& module, const std::string& path, std::vector<Factorable>& found) {
  if (auto* linear = dynamic_cast<nn::Linear*>(&module)) {
    found.push_back({path, &linear->weight, &linear->factor});
  } else if (auto* conv = dynamic_cast<nn::Conv2d*>(&module); conv && conv->groups() == 1) {
    found.push_back({path, &conv->weight, &conv->factor});
  }
  const nn::Members members = module.members();
  for (const nn::Member& member : members.list()) {
    const std::string name = path.empty() ? member.name : path + "." + member.name;
    if (member.module) find(*member.module, name, found);
  }
}

std::vector<Factorable> factorable(nn::Module& module) {
  std::vector<Factorable> found;
  find(module, "", found);
  std::map<State*, int> users;
  for (const nn::NamedState& s : module.named_states()) ++users[s.state.get()];
  std::erase_if(found,
                [&](const Factorable& f) { return *f.factor || users[f.weight->get()] > 1; });
  return found;
}

// What the factor has: [rows, rank] with a 1 for each further axis of the weights.
Shape factor_shape(const Shape& weight, int64_t rank) {
  Shape shape{weight[0], rank};
  while (shape.rank() < weight.rank()) shape.push_back(1);
  return shape;
}

StatePtr state_of(const std::string& name, const Shape& shape, const std::vector<float>& values) {
  StatePtr state = nn::parameter(name, shape);
  state->load(Array::of(std::span<const float>(values), shape));
  return state;
}

// Both factors get the square root of each singular value, so that they learn alike.
void split(const Factorable& layer, const Svd& d, int64_t rank) {
  std::vector<float> first, second(static_cast<size_t>(d.rows * rank));
  for (int64_t i = 0; i < rank; ++i) {
    const double root = std::sqrt(d.s[static_cast<size_t>(i)]);
    for (int64_t c = 0; c < d.columns; ++c) {
      first.push_back(static_cast<float>(root * d.v[static_cast<size_t>(i * d.columns + c)]));
    }
    for (int64_t r = 0; r < d.rows; ++r) {
      second[static_cast<size_t>(r * rank + i)] =
          static_cast<float>(root * d.u[static_cast<size_t>(i * d.rows + r)]);
    }
  }
  const Shape whole = (*layer.weight)->type().shape;
  Shape shape = whole;
  shape[0] = rank;
  *layer.weight = state_of("weight", shape, first);
  *layer.factor = state_of("factor", factor_shape(whole, rank), second);
}

bool factorise_layer(const Factorable& layer, const LowRankOptions& options) {
  const Array weight = (*layer.weight)->array();
  const int64_t rows = weight.shape[0], columns = weight.numel() / rows;
  if (columns < 2 || rows < 2) return false;
  const auto values = weight.span<float>();
  const auto saves = [&](int64_t rank) { return rank * (rows + columns) < rows * columns; };
  if (options.energy == 0 && !saves(rank_for_flops(rows, columns, options.flops))) return false;
  const Svd d = svd(std::vector<double>(values.begin(), values.end()), rows, columns);
  const int64_t rank = options.energy > 0 ? rank_for_energy(d.s, options.energy)
                                          : rank_for_flops(rows, columns, options.flops);
  if (!saves(rank)) return false;
  split(layer, d, rank);
  return true;
}

void take_shapes(nn::Module& module, const train::SavedShapes& saved) {
  for (const Factorable& layer : factorable(module)) {
    const auto factor = saved.find(layer.name + ".factor");
    if (factor == saved.end() || factor->second.rank() < 2) continue;
    Shape shape = (*layer.weight)->type().shape;
    *layer.factor = nn::parameter("factor", factor->second);
    shape[0] = factor->second[1];
    *layer.weight = nn::parameter("weight", shape);
  }
}

class LowRank : public train::Technique {
 public:
  explicit LowRank(const LowRankOptions& options) : options_(options) {}

  std::unique_ptr<models::Model> applied(std::unique_ptr<models::Model> model,
                                         const train::TechniqueStart& start) override {
    if (start.saved) {
      take_shapes(model->module(), *start.saved);
    } else if (factorise(model->module(), options_) == 0) {
      fail(kWhere, "no layer of the model {} gets smaller in two factors with {} = {}",
           start.recipe.model.name, options_.energy > 0 ? "energy" : "flops",
           options_.energy > 0 ? options_.energy : options_.flops);
    }
    return model;
  }

 private:
  LowRankOptions options_;
};

}  // namespace

int64_t rank_for_energy(std::span<const double> s, double energy) {
  double all = 0, kept = 0;
  for (const double v : s) all += v * v;
  const double wanted = energy * all * (1 - 1e-12);  // sums in f64 are not exact
  int64_t rank = 0;
  while (rank < static_cast<int64_t>(s.size()) && (rank == 0 || kept < wanted)) {
    kept += s[static_cast<size_t>(rank)] * s[static_cast<size_t>(rank)];
    ++rank;
  }
  return rank;
}

int64_t rank_for_flops(int64_t rows, int64_t columns, double flops) {
  const double product = static_cast<double>(rows) * static_cast<double>(columns);
  const auto rank = static_cast<int64_t>(flops * product / static_cast<double>(rows + columns));
  return std::max<int64_t>(rank, 1);
}

int64_t factorise(nn::Module& module, const LowRankOptions& options) {
  int64_t count = 0;
  for (const Factorable& layer : factorable(module)) count += factorise_layer(layer, options);
  return count;
}

std::unique_ptr<train::Technique> make_low_rank(const train::Options& options) {
  LowRankOptions o;
  train::read_options(
      kWhere, options, o,
      std::tuple{Field{"energy", &LowRankOptions::energy}, Field{"flops", &LowRankOptions::flops}});
  if (!(o.energy >= 0 && o.energy <= 1 && o.flops >= 0 && o.flops <= 1)) {
    fail(kWhere, "energy is {} and flops is {}, expected 0 to 1", o.energy, o.flops);
  }
  if ((o.energy > 0) == (o.flops > 0)) {
    fail(kWhere, "got {}, expected one of energy and flops above 0",
         o.energy > 0 ? "both energy and flops" : "neither energy nor flops");
  }
  return std::make_unique<LowRank>(o);
}

}  // namespace suan::compress
