// Importing ONNX models: what they compute in both ways of following, and what is refused. Models
// are built here as messages. SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/model.h"

#include <google/protobuf/unknown_field_set.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <unistd.h>

#include <fstream>

#include "suan/engine/engine.h"
#include "suan/ops/elementwise.h"
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
  Builder& input(const std::string& name, const std::vector<int64_t>& shape, int dtype = 1) {
    describe(*proto.mutable_graph()->add_input(), name, shape, dtype);
    return *this;
  }
  Builder& output(const std::string& name) {
    proto.mutable_graph()->add_output()->set_name(name);
    return *this;
  }
  NodeProto& node(const std::string& op, const std::vector<std::string>& in,
                  const std::vector<std::string>& out) {
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
  Engine engine(model);
  EXPECT_EQ(numbers(engine.run(arguments)[0]), interpreted);
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
  Engine engine(model);
  const std::vector<Value> arguments{floats({0, 5, 0, 7}, {4})};
  const auto outputs = engine.run(arguments);
  EXPECT_EQ(outputs[0].tensor.shape(), (Shape{1, 2}));
  EXPECT_NE(engine.interpreted_because(arguments).find("NonZero"), std::string::npos);
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

// x + w with 2,000 raw floats, which are taken out of the message before it is parsed.
Builder with_raw_weights(const std::vector<float>& w) {
  Builder b;
  b.input("x", {2000}).output("y").node("Add", {"x", "w"}, {"y"});
  TensorProto& t = *b.proto.mutable_graph()->add_initializer();
  t.set_name("w");
  t.set_data_type(TensorProto::FLOAT);
  t.add_dims(static_cast<int64_t>(w.size()));
  t.set_raw_data(w.data(), w.size() * sizeof(float));
  return b;
}

TEST(OnnxModel, ReadsLargeRawTensors) {
  std::vector<float> w(2000);
  for (size_t i = 0; i < w.size(); ++i) w[i] = static_cast<float>(i);
  EXPECT_EQ(run(with_raw_weights(w), {floats(std::vector<float>(2000, 0), {2000})}), w);
  w.pop_back();
  Builder short_data = with_raw_weights(w);
  short_data.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, 2000);
  expect_error([&] { (void)short_data.model(); },
               "test.onnx: tensor 'w' has 7996 bytes, expected 8000");
}

TEST(OnnxModel, RefusesMessagesCutAnywhere) {
  const std::string bytes = with_raw_weights(std::vector<float>(2000)).proto.SerializeAsString();
  int refused = 0, cuts = 0;
  for (size_t size = 0; size < bytes.size(); size += size < 100 ? 1 : 97, ++cuts) {
    try {
      (void)Model::parse(std::string_view(bytes).substr(0, size), "test.onnx");
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()),
                "test.onnx: is not an ONNX model (its message does not parse)");
      ++refused;
    }
  }
  EXPECT_EQ(refused, cuts);
}

TEST(OnnxModel, ReadsNumbersOfSixBits) {
  for (const bool packed : {true, false}) {
    Builder b;
    TensorProto& t = *b.proto.mutable_graph()->add_initializer();
    t.set_name("w");
    t.set_data_type(27);  // FLOAT6E2M3
    t.add_dims(5);
    if (packed) {
      t.set_raw_data("\x48\xf2\x03\x01");
    } else {
      for (int code : {8, 9, 63, 0, 1}) t.add_int32_data(code);
    }
    auto* to = b.output("y").node("Cast", {"w"}, {"y"}).add_attribute();
    to->set_name("to");
    to->set_type(::onnx::AttributeProto::INT);
    to->set_i(1);
    EXPECT_EQ(run(b, {}), (std::vector<float>{1, 1.125F, -7.5F, 0, 0.125F}));
  }
}

// A function mine.F of x, made of one node. Fields newer than the messages go by their numbers.
NodeProto& add_function(Builder& b, const std::string& overload, const std::string& op) {
  auto& function = *b.proto.add_functions();
  function.set_domain("mine");
  function.set_name("F");
  function.add_input("x");
  function.add_output("y");
  function.add_opset_import()->set_version(17);
  function.mutable_unknown_fields()->AddLengthDelimited(13, overload);
  NodeProto& node = *function.add_node();
  node.set_op_type(op);
  node.add_input("x");
  node.add_output("y");
  return node;
}

TEST(OnnxModel, TellsOverloadsApartAndFillsInTheirAttributes) {
  Builder b;
  b.input("x", {2}).output("a").output("b").output("c");
  add_function(b, "", "Neg");
  auto* slope = add_function(b, "leaky", "LeakyRelu").add_attribute();
  slope->set_name("alpha");
  slope->set_ref_attr_name("slope");
  slope->set_type(::onnx::AttributeProto::FLOAT);
  ::onnx::AttributeProto otherwise;
  otherwise.set_name("slope");
  otherwise.set_type(::onnx::AttributeProto::FLOAT);
  otherwise.set_f(0.5F);
  auto& leaky = *b.proto.mutable_functions(1)->mutable_unknown_fields();
  leaky.AddLengthDelimited(11, otherwise.SerializeAsString());
  b.node("F", {"x"}, {"a"}).set_domain("mine");
  for (const char* output : {"b", "c"}) {
    NodeProto& call = b.node("F", {"x"}, {output});
    call.set_domain("mine");
    call.mutable_unknown_fields()->AddLengthDelimited(8, "leaky");
    if (std::string_view(output) == "b") continue;
    otherwise.set_f(0.25F);
    *call.add_attribute() = otherwise;
  }
  const auto outputs = b.model()->interpret({floats({-4, 8}, {2})});
  EXPECT_EQ(numbers(outputs[0]), (std::vector<float>{4, -8}));
  EXPECT_EQ(numbers(outputs[1]), (std::vector<float>{-2, 8}));
  EXPECT_EQ(numbers(outputs[2]), (std::vector<float>{-1, 8}));
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
// Large weights are read when they are wanted, from the files that were there at first.
TEST_F(External, ReadsLargeTensorsLater) {
  constexpr int64_t kCount = 1 << 15;
  std::vector<float> values(kCount, 1);
  values.back() = 7;
  std::ofstream(folder_ / "weights").write(reinterpret_cast<char*>(values.data()), 4 * kCount);
  builder_.proto.mutable_graph()->mutable_initializer(0)->set_dims(0, kCount);
  TensorProto& inside = *builder_.proto.mutable_graph()->add_initializer();
  inside.set_name("v");
  inside.set_data_type(1);
  inside.add_dims(kCount);
  inside.set_raw_data(std::string(reinterpret_cast<char*>(values.data()), 4 * kCount));
  builder_.output("v");
  const auto model = load();
  const auto changed = Model::load(folder_ / "m.onnx");
  const auto outputs = model->interpret({});
  EXPECT_EQ(numbers(outputs[0]), values);
  EXPECT_EQ(numbers(outputs[1]), values);
  std::filesystem::resize_file(folder_ / "weights", 4 * kCount - 4);
  expect_error([&] { numbers(changed->interpret({})[0]); },
               "weights: was changed while it was in use");
}
TEST_F(External, HoldsNumbersOfLessThanAByte) {
  std::ofstream(folder_ / "weights") << "\x21\x43\x05";
  TensorProto& t = *builder_.proto.mutable_graph()->mutable_initializer(0);
  t.set_data_type(22);  // INT4
  t.set_dims(0, 5);
  const Array array = cast(load()->interpret({})[0].tensor, DType::f32).array();
  EXPECT_EQ(numbers(Tensor::from(array)), (std::vector<float>{1, 2, 3, 4, 5}));
  t.set_dims(0, 7);
  expect_error([&] { load(); }, where("lies at 0 with 4 bytes, but 'weights' has 3"));
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
