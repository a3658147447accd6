// Gradients of models, and optimizers. SPDX-License-Identifier: Apache-2.0
#include "tests/formats/onnx/one_node.h"

namespace suan::onnx {
namespace {

constexpr const char* kDomain = "ai.onnx.preview.training";

// x -> y = x^3 in two nodes, and nodes Gradient that follow.
struct Cube {
  Cube() {
    proto.set_ir_version(8);
    proto.add_opset_import()->set_version(17);
    auto& own = *proto.add_opset_import();
    own.set_domain(kDomain);
    own.set_version(1);
    proto.mutable_graph()->add_input()->set_name("x");
    node("Mul", {"x", "x"}, {"square"});
    node("Mul", {"square", "x"}, {"y"});
  }
  ::onnx::NodeProto& node(const std::string& op, const Texts& in, const Texts& out) {
    auto& n = *proto.mutable_graph()->add_node();
    n.set_op_type(op);
    n.set_name("it");
    for (const auto& name : in) n.add_input(name);
    for (const auto& name : out) n.add_output(name);
    return n;
  }
  void gradient(const std::string& y, const Texts& xs, const Texts& in, const Texts& out) {
    auto& n = node("Gradient", in, out);
    n.set_domain(kDomain);
    auto& a = *n.add_attribute();
    a.set_name("xs");
    onnx::set(a, xs);
    auto& b = *n.add_attribute();
    b.set_name("y");
    onnx::set(b, y);
  }
  std::vector<double> run(const std::string& output) {
    proto.mutable_graph()->clear_output();
    proto.mutable_graph()->add_output()->set_name(output);
    const auto model = Model::parse(proto.SerializeAsString(), "test.onnx");
    const std::vector<Value> arguments{Value(floats({2, -1}, {2}))};
    const auto known = OneNode::numbers(model->interpret(arguments)[0].tensor);
    Engine engine(model);
    EXPECT_EQ(OneNode::numbers(engine.run(arguments)[0].tensor), known);
    EXPECT_EQ(engine.interpreted_because(arguments), "");
    return known;
  }
  void expect_error(const std::string& text) {
    proto.mutable_graph()->add_output()->set_name("y");
    try {
      Model::parse(proto.SerializeAsString(), "test.onnx")->interpret({Value(floats({2}, {1}))});
      ADD_FAILURE() << "no error, expected: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()), text);
    }
  }
  ::onnx::ModelProto proto;
};

TEST(OnnxGradient, DerivesByInputsAndByValuesOnTheWay) {
  Cube cube;
  cube.gradient("y", {"x"}, {"x"}, {"dx"});
  cube.gradient("y", {"square"}, {"square"}, {"ds"});
  EXPECT_EQ(cube.run("dx"), (std::vector<double>{12, 3}));
  EXPECT_EQ(cube.run("ds"), (std::vector<double>{2, -1}));
}

TEST(OnnxGradient, DerivesGradients) {
  Cube cube;
  cube.gradient("y", {"x"}, {"x"}, {"dx"});
  cube.gradient("dx", {"x"}, {"x"}, {"ddx"});
  cube.gradient("ddx", {"x"}, {"x"}, {"dddx"});
  EXPECT_EQ(cube.run("ddx"), (std::vector<double>{12, -6}));
  EXPECT_EQ(cube.run("dddx"), (std::vector<double>{6, 6}));
}

TEST(OnnxGradient, TakesOtherValuesForTheInputs) {
  Cube cube;
  cube.gradient("y", {"x"}, {"square"}, {"dx"});  // at x^2: 3 x^4
  EXPECT_EQ(cube.run("dx"), (std::vector<double>{48, 3}));
}

TEST(OnnxGradient, OfWhatDoesNotDependIsZero) {
  Cube cube;
  cube.gradient("square", {"y"}, {"y"}, {"none"});
  EXPECT_EQ(cube.run("none"), (std::vector<double>{0, 0}));
}

TEST(OnnxGradient, RefusesWhatIsNotComputedBefore) {
  Cube cube;
  cube.gradient("dx", {"x"}, {"x"}, {"dx"});
  cube.expect_error("node 'it' (Gradient): graph: no node before computes 'dx'");
  Cube lists;
  lists.gradient("y", {"x"}, {"x", "x"}, {"dx"});
  lists.expect_error("node 'it' (Gradient): Gradient: got 2 inputs for 1 names in xs and zs");
}

TEST(OnnxGradient, RefusesGradientsNestedTooDeep) {
  Cube cube;
  std::string last = "y";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "d" + std::to_string(i);
    cube.gradient(last, {"x"}, {"x"}, {next});
    last = next;
  }
  cube.expect_error("node 'it' (Gradient): graph: nodes are followed again deeper than 32");
}

}  // namespace
}  // namespace suan::onnx
