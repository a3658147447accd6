// `suan diff`: two models, or one in two ways, on the same inputs, and what each node differs by.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <cmath>
#include <map>

#include "apps/suan/commands.h"
#include "apps/suan/model.h"
#include "suan/base/error.h"
#include "suan/base/small_types.h"
#include "suan/formats/onnx/run_once.h"

namespace suan::app {
namespace {

std::vector<double> numbers_of(const Array& array) {
  if (!is_small_float(array.dtype)) return array.to_vector<double>();
  std::vector<double> out;
  for (uint8_t code : array.span<uint8_t>()) out.push_back(decode_small(array.dtype, code));
  return out;
}

struct Difference {
  double absolute = 0, relative = 0;  // the largest; as a share of the largest value of A
  double cosine = 1;
};

// Infinite where only one of two elements is a number.
Difference difference_of(const std::vector<double>& a, const std::vector<double>& b) {
  Difference d;
  double top = 0, aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (!same) {
      const double apart = std::abs(a[i] - b[i]);
      d.absolute = std::max(d.absolute, std::isnan(apart) ? INFINITY : apart);
    }
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
    top = std::max(top, std::abs(a[i]));
    aa += a[i] * a[i];
    bb += b[i] * b[i];
    ab += a[i] * b[i];
  }
  if (d.absolute > 0) d.relative = top > 0 ? d.absolute / top : INFINITY;
  if (aa > 0 && bb > 0) d.cosine = ab / std::sqrt(aa * bb);
  return d;
}

struct Row {
  std::string node, op, name, type;
  Difference difference;
  std::string fault;  // not empty: the values cannot be compared by elements
  bool parts(double tolerance) const { return !fault.empty() || difference.relative > tolerance; }
};

// Texts and structures are equal or not; numbers differ by so much.
void compare(const onnx::Value& a, const onnx::Value& b, Row& row) {
  if (to_string(a) != to_string(b)) {
    row.fault = fmt::format("B has {}", to_string(b));
    return;
  }
  for (size_t i = 0; i < a.items.size(); ++i) compare(a.items[i], b.items[i], row);
  if (!a.tensor) return;
  const Array x = a.tensor.array(), y = b.tensor.array();
  if (x.dtype == DType::string) {
    if (x.to_vector<double>() != y.to_vector<double>()) row.fault = "the texts differ";
    return;
  }
  const Difference d = difference_of(numbers_of(x), numbers_of(y));
  if (d.absolute >= row.difference.absolute) row.difference = d;
}

// One way of running a model, and what it gave.
struct Side {
  std::vector<onnx::Value> outputs;
  std::vector<onnx::NodeValue> nodes;  // empty: an engine file of programs alone
  std::vector<onnx::Argument> names;   // of the outputs
  Arithmetic precision = Arithmetic::f32;

  // Twice: a program that must keep what lies inside it fuses less. An engine file gives its
  // outputs by its own programs.
  void run(const ModelOptions& options, std::vector<onnx::Value>& arguments) {
    const ModelFile file(options);
    if (arguments.empty()) arguments = file.arguments(options).values();
    names = file.outputs();
    onnx::RunOnceOptions once{.precision = precision_of(options.precision),
                              .interpret = options.interpret,
                              .small_memory = options.small_memory,
                              .without = options.without};
    if (file.compiled) {
      outputs = LoadedModel(file, options).engine->run(arguments);
      once.precision = file.compiled->precision;
      once.small_memory = once.small_memory || file.compiled->small_memory;
      const auto& without = file.compiled->without;
      once.without.insert(once.without.end(), without.begin(), without.end());
    } else {
      outputs = run_once(*file.model, arguments, once);
    }
    precision = once.precision;
    if (file.model) {
      run_once(*file.model, arguments, once, &nodes);
    } else {
      fmt::print("{}: holds programs alone: outputs are compared, no nodes\n", file.path);
    }
  }
};

std::vector<Row> compare_nodes(const Side& a, const Side& b) {
  std::map<std::string, const onnx::Value*> others;
  for (const onnx::NodeValue& node : b.nodes) others[node.name] = &node.value;
  std::vector<Row> rows;
  for (const onnx::NodeValue& node : a.nodes) {
    const auto other = others.find(node.name);
    if (other == others.end() || !node.value.present()) continue;
    rows.push_back({node.node, node.op, node.name, to_string(node.value), {}, ""});
    compare(node.value, *other->second, rows.back());
  }
  return rows;
}

std::vector<Row> compare_outputs(const Side& a, const Side& b) {
  if (a.outputs.size() != b.outputs.size()) {
    fail("diff", "A has {} outputs, B {}", a.outputs.size(), b.outputs.size());
  }
  std::vector<Row> rows;
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    rows.push_back({"", "output", a.names[i].name, to_string(a.outputs[i]), {}, ""});
    compare(a.outputs[i], b.outputs[i], rows.back());
  }
  return rows;
}

void print_rows(const std::vector<Row>& rows, double tolerance) {
  for (const Row& row : rows) {
    fmt::print("{:<20} {:<28} {:<24} ", row.op, row.name, row.type);
    const Difference& d = row.difference;
    if (row.fault.empty()) {
      fmt::print("{:>10.3g} {:>10.3g} {:>12.8f}", d.absolute, d.relative, d.cosine);
    } else {
      fmt::print("{}", row.fault);
    }
    fmt::print("{}\n", row.parts(tolerance) ? "  <-" : "");
  }
}

formats::JsonRows json_rows(const std::vector<Row>& rows) {
  formats::JsonRows out;
  for (const Row& row : rows) {
    out.push_back({{"node", row.node},
                   {"op", row.op},
                   {"name", row.name},
                   {"type", row.type},
                   {"max_abs", row.difference.absolute},
                   {"max_rel", row.difference.relative},
                   {"cosine", row.difference.cosine},
                   {"fault", row.fault}});
  }
  return out;
}

const Row* first_apart(const std::vector<Row>& rows, double tolerance) {
  for (const Row& row : rows) {
    if (row.parts(tolerance)) return &row;
  }
  return nullptr;
}

ModelOptions options_of_b(const DiffOptions& options, Arithmetic precision_of_a) {
  ModelOptions b = options;
  if (!options.model_b.empty()) b.model = options.model_b;
  b.precision = options.precision_b;
  if (b.precision.empty() && !is_engine_file(b.model)) b.precision = name(precision_of_a);
  b.interpret = options.interpret_b;
  b.small_memory = options.small_memory_b;
  b.without = options.without_b;
  return b;
}

// "the results agree", or where they part.
std::string verdict(const Row* node, const Row* output, bool has_nodes) {
  if (node) return fmt::format("they part at node '{}' ({})", node->node, node->op);
  if (output && !has_nodes) return fmt::format("output '{}' parts", output->name);
  if (output) {
    return fmt::format(
        "output '{}' parts, but no node where every value is kept: compare passes with --no-pass-b",
        output->name);
  }
  return "the results agree";
}

}  // namespace

int run_diff(const DiffOptions& options) {
  if (options.interpret) refuse_unused(options, {"--memory", "--no-pass"}, "with --interpret");
  if (options.interpret_b) {
    refuse_unused(options, {"--precision-b", "--memory-b", "--no-pass-b"}, "with --interpret-b");
    if (options.interpret) refuse_unused(options, {"--precision"}, "with --interpret on both");
  }
  std::vector<onnx::Value> arguments;
  Side a, b;
  a.run(options, arguments);
  b.run(options_of_b(options, a.precision), arguments);
  double tolerance = options.tolerance;
  constexpr double kLoose = 5e-2, kTight = 1e-3;
  if (tolerance == 0) {
    tolerance = a.precision == Arithmetic::f32 && b.precision == Arithmetic::f32 ? kTight : kLoose;
  }
  const std::vector<Row> nodes = compare_nodes(a, b), outputs = compare_outputs(a, b);
  fmt::print("{:<20} {:<28} {:<24} {:>10} {:>10} {:>12}\n", "op", "value", "type", "max abs",
             "max rel", "cosine");
  print_rows(nodes, tolerance);
  print_rows(outputs, tolerance);
  const Row *node = first_apart(nodes, tolerance), *output = first_apart(outputs, tolerance);
  fmt::print("{}\n", verdict(node, output, !nodes.empty()));
  if (options.json) {
    fmt::print("{}\n", json_line({{"same", !node && !output},
                                  {"first", node ? node->node : ""},
                                  {"tolerance", tolerance},
                                  {"nodes", json_rows(nodes)},
                                  {"outputs", json_rows(outputs)}}));
  }
  return node || output ? 1 : 0;
}

}  // namespace suan::app
