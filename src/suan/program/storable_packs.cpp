// Which constants a set of programs reads packed, and in how many forms.
// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <unordered_set>

#include "suan/base/packed_form.h"
#include "suan/ops/op.h"
#include "suan/program/packs.h"
#include "suan/program/program.h"

namespace suan {
namespace {

class Collector {
 public:
  void add(const Program& program) {
    const Plan& plan = program.plan();
    for (const BufferPtr& block : plan.constants) read_.insert(block.get());
    for (const PlannedStep& step : plan.steps) {
      if (!step.call) continue;
      for (size_t i = 0; i < step.in.size(); ++i) add_operand(plan, step, i);
    }
  }
  std::vector<PackedConstant> take() const {
    std::vector<PackedConstant> packs;
    for (const PackedConstant& pack : found_) {
      const bool alone = forms_.at(pack.constant.get()).size() == 1;
      if (alone && !read_.contains(pack.constant.get()) && is_storable(pack)) packs.push_back(pack);
    }
    return packs;
  }

 private:
  void add_operand(const Plan& plan, const PlannedStep& step, size_t i) {
    const Tensor& t = step.node->inputs[i];
    const int input = static_cast<int>(i);
    if (!t || !is(t.node(), Op::constant) || step.call->packed_bytes(input) == 0) return;
    const Storage& storage = plan.storages[static_cast<size_t>(step.in[i])];
    const BufferPtr& constant = t.node().values[0];
    std::string form = step.call->packed_form(input);
    if (!forms_[constant.get()].insert(form).second) return;
    found_.push_back(
        {constant, std::move(form), plan.constants[static_cast<size_t>(storage.index)]});
  }
  static bool is_storable(const PackedConstant& pack) {
    constexpr double kMostPadding = 1.25;
    return parse_packed_form(pack.form) &&
           static_cast<double>(pack.packed->bytes()) <=
               kMostPadding * static_cast<double>(pack.constant->bytes());
  }

  std::vector<PackedConstant> found_;
  std::map<const Buffer*, std::unordered_set<std::string>> forms_;
  std::unordered_set<const Buffer*> read_;  // among them, plain constants
};

}  // namespace

std::vector<PackedConstant> storable_packs(
    std::span<const std::shared_ptr<const Program>> programs) {
  Collector collector;
  for (const auto& program : programs) collector.add(*program);
  return collector.take();
}

}  // namespace suan
