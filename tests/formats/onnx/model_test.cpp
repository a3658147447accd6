// Importing ONNX models: what they compute in both ways of following, and what is refused. Models
// are built here as messages. SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/model.h"

#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <fstream>

#include "suan/formats/onnx/session.h"
#include "tests/temp_folder.h"

namespace suan::onnx {
namespace {

using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

template <class F>
void expect_error(const F& f, const std::string& text) {
  try {
    f();
    ADD_FAILURE() << "no error, expected: " << text;
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()), text);
  }
}

// A model under construction: float inputs and outputs unless said otherwise.
struct Builder {
  Builder() {
    proto.set_ir_version(8);
    auto* set = proto.add_opset_import();
    set->set_domain("");
    set->set_version(17);
    proto.mutable_graph()->set_name("test");
  }
  Builder& input(const std::string& name, std::vector<int64_t> shape, int dtype = 1) {
    describe(*proto.mutable_graph()->add_input(), name, shape, dtype);
    return *this;
  }
  Builder& output(const std::string& name) {
    proto.mutable_graph()->add_output()->set_name(name);
    return *this;
  }
  NodeProto& node(const std::string& op, std::vector<std::string> in,
                  std::vector<std::string> out) {
    NodeProto& n = *proto.mutable_graph()->add_node();
    n.set_op_type(op);
    n.set_name(op + "_0");
    for (const auto& name : in) n.add_input(name);
    for (const auto& name : out) n.add_output(name);
    return n;
  }
  Builder& ints(const std::string& name, const std::vector<int64_t>& values) {
    TensorProto& t = *proto.mutable_graph()->add_initializer();
    t.set_name(name);
    t.set_data_type(7);
    t.add_dims(static_cast<int64_t>(values.size()));
    for (int64_t v : values) t.add_int64_data(v);
    return *this;
  }
  static void describe(::onnx::ValueInfoProto& info, const std::string& name,
                       const std::vector<int64_t>& shape, int dtype) {
    info.set_name(name);
    auto* type = info.mutable_type()->mutable_tensor_type();
    type->set_elem_type(dtype);
    type->mutable_shape();
    for (int64_t size : shape) {
      auto* dim = type->mutable_shape()->add_dim();
      if (size >= 0) {
        dim->set_dim_value(size);
      } else {
        dim->set_dim_param("n");
      }
    }
  }
  std::shared_ptr<const Model> model() const {
    return Model::parse(proto.SerializeAsString(), "test.onnx");
  }
  ModelProto proto;
};

Value floats(std::vector<float> values, Shape shape) {
  return Tensor::from(Array::of(std::span<const float>(values), shape));
}
std::vector<float> numbers(const Value& value) {
  const Array array = value.tensor.array();
  return {array.as<float>(), array.as<float>() + array.numel()};
}
// Both ways of following; they must agree.
std::vector<float> run(const Builder& b, const std::vector<Value>& arguments) {
  const auto model = b.model();
  const auto interpreted = numbers(model->interpret(arguments)[0]);
  Session session(model);
  EXPECT_EQ(numbers(session.run(arguments)[0]), interpreted);
  return interpreted;
}

TEST(OnnxModel, ComputesTheSameCompiledAndInterpreted) {
  Builder b;
  b.input("x", {-1, 2}).output("y");
  b.node("Add", {"x", "x"}, {"a"});
  b.node("Relu", {"a"}, {"y"});
  EXPECT_EQ(run(b, {floats({-1, 2, 3, -4}, {2, 2})}), (std::vector<float>{0, 4, 6, 0}));
}

TEST(OnnxModel, FollowsShapesAsNumbers) {
  Builder b;
  b.input("x", {-1, 2, 3}).output("y").ints("rest", {-1});
  b.node("Shape", {"x"}, {"s"});
  b.ints("first", {0});
  b.node("Gather", {"s", "first"}, {"n"});
  auto* axis = b.node("Concat", {"n", "rest"}, {"shape"}).add_attribute();
  axis->set_name("axis");
  axis->set_type(::onnx::AttributeProto::INT);
  axis->set_i(0);
  b.node("Reshape", {"x", "shape"}, {"y"});
  const auto outputs = b.model()->interpret({floats(std::vector<float>(12, 1), {2, 2, 3})});
  EXPECT_EQ(outputs[0].tensor.shape(), (Shape{2, 6}));
  const auto graph = b.model()->specialise({floats(std::vector<float>(12, 1), {2, 2, 3})}).graph;
  EXPECT_EQ(graph.outputs[0].shape(), (Shape{2, 6}));
}

TEST(OnnxModel, LeavesDataDependentGraphsToTheInterpreter) {
  Builder b;
  b.input("x", {4}).output("y");
  b.node("NonZero", {"x"}, {"y"});
  const auto model = b.model();
  Session session(model);
  const auto outputs = session.run({floats({0, 5, 0, 7}, {4})});
  EXPECT_EQ(outputs[0].tensor.shape(), (Shape{1, 2}));
  EXPECT_NE(session.interpreted_because().find("NonZero"), std::string::npos);
}

TEST(OnnxModel, RefusesWhatItDoesNotKnow) {
  Builder b;
  b.input("x", {2}).output("y");
  b.node("Reluu", {"x"}, {"y"});
  expect_error(
      [&] { b.model()->interpret({floats({1, 2}, {2})}); },
      "node 'Reluu_0' (Reluu): operator: there is no 'Reluu' in domain '' (the model has its "
      "opset 17); the nearest is 'Relu'");
}

TEST(OnnxModel, RefusesArgumentsThatDoNotFit) {
  Builder b;
  b.input("x", {2}).output("y");
  b.node("Relu", {"x"}, {"y"});
  expect_error([&] { b.model()->interpret({floats({1, 2, 3}, {3})}); },
               "input: 'x' is f32[3], expected f32[2]");
  expect_error([&] { b.model()->interpret({}); }, "input: got 0 values, expected 1");
}

TEST(OnnxModel, RefusesCyclesAndMissingValues) {
  Builder b;
  b.input("x", {2}).output("y");
  b.node("Add", {"x", "z"}, {"y"});
  b.node("Relu", {"y"}, {"z"});
  expect_error([&] { b.model()->interpret({floats({1, 2}, {2})}); },
               "node 'Add_0' (Add): input: 'z' is not computed by any node before");
}

TEST(OnnxModel, RefusesWhatIsNoModel) {
  expect_error([] { Model::parse("not a model", "x.onnx"); },
               "x.onnx: is not an ONNX model (its message does not parse)");
  Builder b;
  const std::string bytes = b.input("x", {2}).proto.SerializeAsString();
  expect_error([&] { Model::parse(bytes.substr(0, bytes.size() / 2), "x.onnx"); },
               "x.onnx: is not an ONNX model (its message does not parse)");
}

TEST(OnnxModel, RefusesInitializersThatLie) {
  Builder b;
  TensorProto& t = *b.proto.mutable_graph()->add_initializer();
  t.set_name("w");
  t.set_data_type(1);
  t.add_dims(int64_t{1} << 62);
  expect_error([&] { b.model(); }, "test.onnx: tensor 'w' is too large");
  t.set_dims(0, 1000);
  t.set_raw_data("abcd");
  expect_error([&] { b.model(); }, "test.onnx: tensor 'w' says [1000] but holds 14 bytes");
  t.set_dims(0, -3);
  expect_error([&] { b.model(); }, "test.onnx: tensor 'w' has the size -3");
}

TEST(OnnxModel, StopsLoopsWithoutEnd) {
  Builder b;
  b.input("x", {1}).output("y");
  TensorProto& yes = *b.proto.mutable_graph()->add_initializer();
  yes.set_name("yes");
  yes.set_data_type(9);
  yes.add_int32_data(1);
  auto* attribute = b.node("Loop", {"", "yes", "x"}, {"y"}).add_attribute();
  attribute->set_name("body");
  attribute->set_type(::onnx::AttributeProto::GRAPH);
  auto* body = attribute->mutable_g();
  for (const char* name : {"i", "c", "v"}) body->add_input()->set_name(name);
  for (const char* name : {"c", "v"}) body->add_output()->set_name(name);
  Limits limits;
  limits.loop = 100;
  const auto model = Model::parse(b.proto.SerializeAsString(), "test.onnx", limits);
  expect_error([&] { model->interpret({floats({1}, {1})}); },
               "node 'Loop_0' (Loop): Loop: ran 100 iterations, which is the limit");
}

// Weights in another file beside the model.
class External : public ::testing::Test {
 protected:
  External() {
    std::ofstream(folder_ / "weights") << std::string(16, '\0');
    builder_.output("w");
    TensorProto& t = *builder_.proto.mutable_graph()->add_initializer();
    t.set_name("w");
    t.set_data_type(1);
    t.add_dims(2);
    t.set_data_location(TensorProto::EXTERNAL);
    set("location", "weights");
  }
  void set(const std::string& key, const std::string& value) {
    auto* entry = builder_.proto.mutable_graph()->mutable_initializer(0)->add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
  void locate(const std::string& path) {
    builder_.proto.mutable_graph()->mutable_initializer(0)->mutable_external_data(0)->set_value(
        path);
  }
  std::shared_ptr<const Model> load() {
    std::ofstream(folder_ / "m.onnx") << builder_.proto.SerializeAsString();
    return Model::load(folder_ / "m.onnx");
  }
  std::string where(const std::string& message) {
    return std::string(folder_ / "m.onnx") + ": tensor 'w': " + message;
  }
  TempFolder folder_;
  Builder builder_;
};

TEST_F(External, IsReadFromItsOffset) {
  set("offset", "8");
  EXPECT_EQ(numbers(load()->interpret({})[0]), (std::vector<float>{0, 0}));
}
TEST_F(External, EndsWithItsFile) {
  set("offset", "12");
  expect_error([&] { load(); }, where("lies at 12 with 8 bytes, but 'weights' has 16"));
}
TEST_F(External, StaysBeneathTheModel) {
  locate("../weights");
  expect_error([&] { load(); }, where("names '../weights', which leaves the model's folder"));
  locate("/etc/passwd");
  expect_error([&] { load(); },
               where("names the absolute path '/etc/passwd', expected one beneath the model"));
  ASSERT_EQ(symlink("weights", std::string(folder_ / "link").c_str()), 0);
  locate("link");
  expect_error([&] { load(); }, where("cannot open 'link': it is a symbolic link"));
  ASSERT_EQ(link(std::string(folder_ / "weights").c_str(), std::string(folder_ / "hard").c_str()),
            0);
  locate("hard");
  expect_error([&] { load(); }, where("'hard' has several hard links"));
}

}  // namespace
}  // namespace suan::onnx
