// The generic suite: every op in ops/op_list.inc, on each of its cases, must keep what its
// declaration promises, on every backend.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "suan/passes/pass.h"
#include "suan/tensor/compile.h"
#include "tests/ops/op_run.h"

namespace suan {
namespace {

const Backend* const kBackends[] = {&reference_backend(), &cpu_backend()};

// d f / d x by 4-point central differences at some elements of x, against `gradient`.
void expect_slopes(Runner& loss, std::vector<Array>& inputs, size_t input, const Array& gradient,
                   double tolerance) {
  constexpr double kStep = 1e-3;
  constexpr int64_t kMost = 24;  // elements looked at
  Array& x = inputs[input];
  const auto at = [&](int64_t i, double move) {
    const bool narrow = x.dtype == DType::f32;  // an input of fixed dtype
    const double old = narrow ? x.as<float>()[i] : x.as<double>()[i];
    const auto put = [&](double v) {
      if (narrow) x.as<float>()[i] = static_cast<float>(v);
      if (!narrow) x.as<double>()[i] = v;
    };
    put(old + move);
    const double value = loss.run(inputs)[0].as<double>()[0];
    put(old);
    return value;
  };
  const int64_t stride = std::max<int64_t>(1, x.numel() / kMost);
  const std::vector<double> got = numbers(gradient);
  for (int64_t i = 0; i < x.numel(); i += stride) {
    const double slope =
        (at(i, -2 * kStep) - 8 * at(i, -kStep) + 8 * at(i, kStep) - at(i, 2 * kStep)) /
        (12 * kStep);
    const double g = got[static_cast<size_t>(i)];
    if (std::abs(g - slope) <= tolerance * std::max(1.0, std::abs(slope))) continue;
    ADD_FAILURE() << "input " << input << ", element " << i << ": the gradient is " << g
                  << ", differences give " << slope;
    return;
  }
}

class Ops : public testing::TestWithParam<NamedCases> {
 protected:
  template <class F>
  void for_each_case(F&& f) {
    for (const OpCase& c : GetParam().cases->cases) {
      SCOPED_TRACE(c.name);
      try {
        f(c);
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
};

TEST_P(Ops, HaveCasesThatUseThemAndVaryEveryAttribute) {
  if (!GetParam().op || !GetParam().cases->covered_by.empty()) return;
  const OpDef& op = *GetParam().op;
  bool used = false;
  std::map<std::string, std::set<std::string>> values;  // of each attribute
  for_each_case([&](const OpCase& c) {
    const CaseGraphs g = build_case(c, DType::f32, has_gradient(c) ? Order::first : Order::forward);
    for (const NodePtr& node : (has_gradient(c) ? g.gradient : g.forward).nodes()) {
      if (node->op != &op) continue;
      used = true;
      int depth = 0;
      std::string word;
      for (char ch : node->attrs.text() + ",") {
        depth += (ch == '[') - (ch == ']');
        if (ch != ',' || depth > 0) {
          if (ch != ' ' || !word.empty()) word += ch;
          continue;
        }
        const size_t equals = word.find('=');
        if (equals != std::string::npos) values[word.substr(0, equals)].insert(word);
        word.clear();
      }
    }
  });
  EXPECT_TRUE(used) << "no case makes a node of " << op.name;
  for (const std::string& attribute : GetParam().cases->unused_attributes) {
    EXPECT_EQ(values.erase(attribute), 1u) << attribute;
  }
  for (const auto& [attribute, seen] : values) {
    EXPECT_GT(seen.size(), 1u) << "no case varies " << attribute << " of " << op.name;
  }
}

TEST_P(Ops, HaveGradientsEqualToDifferences) {
  for_each_case([](const OpCase& c) {
    if (!has_gradient(c)) return;
    const CaseGraphs g = build_case(c, DType::f64, Order::first);
    std::vector<Array> inputs = with_weights(g.loss, make_inputs(c, DType::f64));
    const auto got = Runner(g.gradient, reference_backend()).run(inputs);
    Runner loss(g.loss, reference_backend());
    const size_t first = g.forward.outputs.size();
    for (size_t i = 0; i < g.active.size(); ++i) {
      expect_slopes(loss, inputs, g.active[i], got[first + i], c.checks.gradient_tolerance);
    }
  });
}

TEST_P(Ops, HaveSecondGradientsEqualToDifferences) {
  for_each_case([](const OpCase& c) {
    if (!has_gradient(c) || !c.checks.second_gradient) return;
    const CaseGraphs g = build_case(c, DType::f64, Order::second);
    std::vector<Array> inputs = with_weights(g.loss2, make_inputs(c, DType::f64));
    const auto got = Runner(g.second, reference_backend()).run(inputs);
    Runner loss(g.loss2, reference_backend());
    for (size_t i = 0; i < g.active.size(); ++i) {
      expect_slopes(loss, inputs, g.active[i], got[i], 10 * c.checks.gradient_tolerance);
    }
  });
}

TEST_P(Ops, GiveTheTypesTheyInferAndTheExpectedValues) {
  for_each_case([](const OpCase& c) {
    const CaseGraphs g = build_case(c, DType::f64, Order::forward);
    verify(g.forward);
    Runner runner(g.forward, reference_backend());
    const Graph& compiled = runner.program().graph();
    const auto outputs = runner.run(make_inputs(c, DType::f64));
    std::vector<double> all;
    for (size_t i = 0; i < outputs.size(); ++i) {
      EXPECT_EQ(to_string(compiled.outputs[i].type()), to_string(g.forward.outputs[i].type()));
      EXPECT_GE(outputs[i].buffer->bytes(), g.forward.outputs[i].type().bytes());
      const auto values = numbers(outputs[i]);
      all.insert(all.end(), values.begin(), values.end());
    }
    if (!c.checks.expected.empty()) expect_close(all, c.checks.expected, 1e-6, "expected");
  });
}

TEST_P(Ops, DecomposeIntoTheSameValues) {
  if (!GetParam().op || !GetParam().op->decompose) return;
  const OpDef& op = *GetParam().op;
  for_each_case([&](const OpCase& c) {
    const CaseGraphs g = build_case(c, DType::f64, Order::forward);
    const Graph simpler = rewrite(g.forward, [&](const NodePtr& node, const Tensors& inputs) {
      return node->op == &op ? op.decompose(with_inputs(*node, inputs)) : Tensors();
    });
    verify(simpler);
    const auto inputs = make_inputs(c, DType::f64);
    const auto want = Runner(g.forward, reference_backend()).run(inputs);
    const auto got = Runner(simpler, reference_backend()).run(inputs);
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(to_string(simpler.outputs[i].type()), to_string(g.forward.outputs[i].type()));
      expect_close(numbers(got[i]), numbers(want[i]), 1e-10, "decomposition");
    }
  });
}

TEST_P(Ops, PrintAndParseBack) {
  for_each_case([](const OpCase& c) {
    const CaseGraphs g = build_case(c, DType::f32, has_gradient(c) ? Order::first : Order::forward);
    const std::string text = to_text(has_gradient(c) ? g.gradient : g.forward);
    EXPECT_EQ(to_text(parse_graph(text)), text);
  });
}

TEST_P(Ops, RefuseMistakesWithOneClearLine) {
  for (const Backend* backend : kBackends) {
    set_backend(backend->name);
    for (const BadCase& bad : GetParam().cases->bad) {
      try {
        bad.call();
        ADD_FAILURE() << "no error, expected: " << bad.message;
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()), bad.message);
        EXPECT_EQ(error.code(), bad.code) << bad.message;
      }
    }
  }
  set_backend("cpu");
}

TEST_P(Ops, GiveTheReferenceResultsInFloatDtypesOnEveryBackend) {
  for (const Backend* backend : kBackends) {
    for (DType dtype : {DType::f64, DType::f32, DType::bf16, DType::f16}) {
      SCOPED_TRACE(fmt::format("{} {}", backend->name, name(dtype)));
      for_each_case([&](const OpCase& c) { compare_floats(c, dtype, *backend); });
    }
  }
}

TEST_P(Ops, GiveTheSameWholeNumbersInIntegerDtypesOnEveryBackend) {
  for (const Backend* backend : kBackends) {
    for (DType dtype : {DType::i64, DType::i32, DType::i8, DType::u8}) {
      SCOPED_TRACE(fmt::format("{} {}", backend->name, name(dtype)));
      for_each_case([&](const OpCase& c) { compare_integers(c, dtype, *backend); });
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Ops, testing::ValuesIn(all_cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace suan
