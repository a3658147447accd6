// Models that lie, ask for too much or never end: each is refused with one line that names the
// node.
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "suan/engine/engine.h"
#include "tests/formats/onnx/one_node.h"
#include "tests/temp_folder.h"

namespace suan::onnx {
namespace {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

NodeProto& add_node(GraphProto& graph, const std::string& op, const std::vector<std::string>& in,
                    const std::vector<std::string>& out) {
  NodeProto& node = *graph.add_node();
  node.set_op_type(op);
  node.set_name("n");
  for (const auto& name : in) node.add_input(name);
  for (const auto& name : out) node.add_output(name);
  return node;
}
GraphProto& add_graph(NodeProto& node, const std::string& name) {
  AttributeProto& attribute = *node.add_attribute();
  attribute.set_name(name);
  attribute.set_type(AttributeProto::GRAPH);
  return *attribute.mutable_g();
}
TensorProto& add_tensor(GraphProto& graph, const std::string& name,
                        const std::vector<int64_t>& dims, int dtype = TensorProto::FLOAT) {
  TensorProto& t = *graph.add_initializer();
  t.set_name(name);
  t.set_data_type(dtype);
  for (int64_t size : dims) t.add_dims(size);
  return t;
}
void add_input(GraphProto& graph, const std::string& name, const std::vector<int64_t>& sizes) {
  auto& info = *graph.add_input();
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(TensorProto::FLOAT);
  for (int64_t size : sizes) type.mutable_shape()->add_dim()->set_dim_value(size);
}

// y = relu(x) for x f32[2].
ModelProto small_model() {
  ModelProto proto;
  proto.set_ir_version(8);
  proto.add_opset_import()->set_version(17);
  add_input(*proto.mutable_graph(), "x", {2});
  add_node(*proto.mutable_graph(), "Relu", {"x"}, {"y"});
  proto.mutable_graph()->add_output()->set_name("y");
  return proto;
}
const Value kX = Tensor::of<float>({1, 2}, {2});

std::string interpret(const ModelProto& proto, const Limits& limits = {}) {
  return error_of(
      [&] { Model::parse(proto.SerializeAsString(), "m.onnx", limits)->interpret({kX}); });
}

TEST(HostileModel, IsCutShortAnywhere) {
  ModelProto proto = small_model();
  add_tensor(*proto.mutable_graph(), "w", {2}).set_raw_data(std::string(8, '\1'));
  const std::string bytes = proto.SerializeAsString();
  int refused = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    const std::string error =
        error_of([&] { Model::parse(bytes.substr(0, size), "m.onnx")->interpret({kX}); });
    refused += error == "m.onnx: is not an ONNX model (its message does not parse)";
  }
  EXPECT_GT(refused, static_cast<int>(bytes.size()) - 20);  // it may end between two fields
}

TEST(HostileModel, HasFunctionsThatCallThemselves) {
  ModelProto proto = small_model();
  for (const auto& [name, inner] : {std::pair("F", "G"), std::pair("G", "F")}) {
    auto& function = *proto.add_functions();
    function.set_name(name);
    function.set_domain("own");
    function.add_input("a");
    function.add_output("b");
    NodeProto& node = *function.add_node();
    node.set_op_type(inner);
    node.set_domain("own");
    node.add_input("a");
    node.add_output("b");
  }
  proto.mutable_graph()->mutable_node(0)->set_op_type("F");
  proto.mutable_graph()->mutable_node(0)->set_domain("own");
  EXPECT_EQ(interpret(proto), "node 'b' (G): function: functions are nested deeper than 32");
}

TEST(HostileModel, IsNestedTooDeeply) {
  ModelProto proto = small_model();
  add_tensor(*proto.mutable_graph(), "yes", {}, TensorProto::BOOL).add_int32_data(1);
  GraphProto* graph = proto.mutable_graph();
  const auto nest = [&](int depth) {
    for (int i = 0; i < depth; ++i) {
      graph->clear_node();
      graph = &add_graph(add_node(*graph, "If", {"yes"}, {"y"}), "then_branch");
      graph->add_output()->set_name("y");
    }
    add_node(*graph, "Relu", {"x"}, {"y"});
  };
  nest(30);
  EXPECT_EQ(interpret(proto), "no error");
  nest(10);
  EXPECT_EQ(interpret(proto), "node 'n' (If): graph: subgraphs are nested deeper than 32");
  nest(100);
  EXPECT_EQ(interpret(proto), "m.onnx: is not an ONNX model (its message does not parse)");
}

TEST(HostileModel, LacksWhatItNeeds) {
  ModelProto proto = small_model();
  proto.mutable_graph()->mutable_node(0)->set_input(0, "w");  // an initializer that is not there
  EXPECT_EQ(interpret(proto), "node 'n' (Relu): input: 'w' is not computed by any node before");
  proto = small_model();
  proto.mutable_graph()->mutable_output(0)->set_name("z");
  EXPECT_EQ(interpret(proto), "graph: no node computes the output 'z'");
  proto = small_model();
  proto.mutable_graph()->clear_node();
  add_node(*proto.mutable_graph(), "Loop", {}, {"y"});
  EXPECT_EQ(interpret(proto), "node 'n' (Loop): Loop: attribute 'body' is missing");
  proto = small_model();
  proto.mutable_graph()->mutable_node(0)->clear_input();
  EXPECT_EQ(interpret(proto), "node 'n' (Relu): Relu: input 0 is missing");
}

TEST(HostileModel, NamesOperatorsThatDoNotExist) {
  ModelProto proto = small_model();
  NodeProto& node = *proto.mutable_graph()->mutable_node(0);
  auto& set = *proto.add_opset_import();
  set.set_domain("ai.onnx.ml");
  set.set_version(3);
  node.set_domain("ai.onnx.ml");
  node.set_op_type("Scalerr");
  EXPECT_EQ(interpret(proto),
            "node 'n' (Scalerr): operator: there is no 'Scalerr' in domain 'ai.onnx.ml' (the "
            "model has its opset 3); the nearest is 'ai.onnx.ml.Scaler'");
  node.set_domain("com.example");
  node.set_op_type("Quux");
  EXPECT_EQ(interpret(proto),
            "node 'n' (Quux): operator: there is no 'Quux' in domain 'com.example' (the model "
            "imports none of it)");
}

TEST(HostileModel, HasInputsOfImpossibleSizes) {
  ModelProto proto = small_model();
  auto& dim = *proto.mutable_graph()
                   ->mutable_input(0)
                   ->mutable_type()
                   ->mutable_tensor_type()
                   ->mutable_shape()
                   ->mutable_dim(0);
  dim.set_dim_value(-2);
  EXPECT_EQ(interpret(proto), "m.onnx: 'x' has the size -2");
  dim.set_dim_value(int64_t{1} << 62);
  EXPECT_EQ(interpret(proto), "input: 'x' is f32[2], expected f32[4611686018427387904]");
}

TEST(HostileModel, HasTensorsThatLie) {
  const auto with = [](const std::function<void(TensorProto&)>& change) {
    ModelProto proto = small_model();
    TensorProto& t = add_tensor(*proto.mutable_graph(), "w", {2});
    t.set_raw_data(std::string(8, '\0'));
    change(t);
    return interpret(proto);
  };
  EXPECT_EQ(with([](TensorProto& t) { t.set_data_type(99); }),
            "m.onnx: tensor 'w': the element type 99 is not supported");
  EXPECT_EQ(with([](TensorProto& t) { t.set_raw_data("abc"); }),
            "m.onnx: tensor 'w' has 3 bytes, expected 8");
  EXPECT_EQ(with([](TensorProto& t) { t.set_data_type(TensorProto::STRING); }),
            "m.onnx: tensor 'w' holds strings as raw data");
  EXPECT_EQ(with([](TensorProto& t) {
              t.clear_raw_data();
              t.add_float_data(1);
            }),
            "m.onnx: tensor 'w' has 1 elements, expected 2");
  EXPECT_EQ(with([](TensorProto& t) {
              for (int i = 0; i < 8; ++i) t.add_dims(1);
            }),
            "m.onnx: tensor 'w' has 9 dimensions, expected at most 8");
  EXPECT_EQ(with([](TensorProto& t) {
              t.clear_raw_data();
              t.set_data_location(TensorProto::EXTERNAL);
            }),
            "m.onnx: tensor 'w' lies in another file, which is not allowed here");
}

const Tensor kMatrix = Tensor::of<float>({1, 2, 3, 4, 5, 6}, {2, 3});
Tensor ints(const Ints& values) { return Tensor::from(Array::list(values)); }
Tensor index(int64_t at, const Shape& shape = {}) { return Tensor::of<int64_t>({at}, shape); }
constexpr int64_t kHuge = int64_t{1} << 62;

// Both ways of following say so.
void refused(const OneNode& node, const std::string& message) {
  EXPECT_EQ(node.error(), message) << node.op;
}

TEST(HostileModel, AsksForTooMuch) {
  refused({"ConstantOfShape", {ints({kHuge, 4})}},
          "ConstantOfShape: the shape [4611686018427387904, 4] is too large");
  refused({"ConstantOfShape", {ints({-1})}},
          "ConstantOfShape: got the size -1, expected at least 0");
  refused({"Expand", {kMatrix, ints({kHuge, 1, 1})}},
          "broadcast_to: the result f32[4611686018427387904, 2, 3] is too large");
  refused({"Reshape", {kMatrix, ints({kHuge, -1})}},
          "reshape: [2, 3] has 6 elements, [4611686018427387904, 0] has 0");
  refused({"Tile", {kMatrix, ints({kHuge, 1})}}, "Tile: the result is too large");
  refused({"Pad", {kMatrix, ints({0, kHuge, 0, kHuge})}},
          "Pad: got the padding 4611686018427387904");
  refused({"Pad", {kMatrix, ints({0, INT64_MIN, 0, 0})}},
          "Pad: got the padding -9223372036854775808");
  refused({"Range", {index(0), index(kHuge), index(1)}},
          "Range: would have 4.611686018427388e+18 elements");
  refused({"OneHot", {ints({1}), ints({kHuge}), Tensor::of<float>({0, 1}, {2})}},
          "OneHot: the depth is 4.611686018427388e+18");
  refused({"Upsample", {kMatrix, Tensor::of<float>({1e15F, 1e15F}, {2})}, {}, 9},
          "Upsample: got the scale 999999986991104");
  refused({"RandomNormal", {}, {{"shape", Ints{kHuge}}}},
          "RandomNormal: the shape [4611686018427387904] is too large");
  refused({"BlackmanWindow", {index(kHuge)}},
          "BlackmanWindow: input 0 is 4611686018427387904, expected 0 to 268435456");
  refused({"Split", {kMatrix}, {{"num_outputs", kHuge}}},
          "Split: num_outputs is 4611686018427387904, but the node has 1");
  refused({"MaxRoiPool",
           {Tensor::of<float>({1}, {1, 1, 1, 1}), Tensor::of<float>({0, 0, 0, 1, 1}, {1, 5})},
           {{"pooled_shape", Ints{65536, 65536}}}},
          "MaxRoiPool: 1 regions of [65536, 65536] are too many");
  // Nothing, in very many pieces.
  refused({"Unique", {Tensor::from(Array(DType::f32, {kHuge, 0}))}, {{"axis", int64_t{0}}}},
          "Unique: 4611686018427387904 slices of [4611686018427387904, 0] are too many");
}

TEST(HostileModel, HasAttributesOutOfRange) {
  const Tensor image = Tensor::of<float>({1, 2, 3, 4}, {1, 1, 2, 2});
  refused({"Softmax", {kMatrix}, {{"axis", int64_t{9}}}},
          "Softmax: axis 9 is out of range for rank 2");
  refused({"Softmax", {kMatrix}, {{"axis", 0.5}}},
          "Softmax: attribute 'axis' is of type 1, expected 2");
  refused({"Transpose", {kMatrix}, {{"perm", Ints{0, 0}}}},
          "transpose: axes [0, 0] do not permute shape [2, 3]");
  refused({"Concat", {kMatrix, kMatrix}, {{"axis", int64_t{-3}}}},
          "concat: axis -3 is out of range for rank 2");
  refused({"Conv", {image, image}, {{"group", int64_t{0}}}},
          "conv: channels do not fit: x [1, 1, 2, 2], w [1, 1, 2, 2], groups 0");
  refused({"Conv", {image, image}, {{"strides", Ints{0, 0}}}},
          "Conv: strides has 0, expected 1 to 1048576");
  refused({"Conv", {image, image}, {{"dilations", Ints{kHuge, 1}}}},
          "Conv: dilations has 4611686018427387904, expected 1 to 1048576");
  refused({"Conv", {image, image}, {{"pads", Ints{kHuge, 0, kHuge, 0}}}},
          "Conv: pads has 4611686018427387904, expected 0 to 1048576");
  refused({"MaxPool", {image}, {{"kernel_shape", Ints{0, 2}}}},
          "MaxPool: kernel_shape has 0, expected 1 to 2147483648");
  refused({"AveragePool", {image}, {{"kernel_shape", Ints{2}}}},
          "AveragePool: kernel_shape has 1 entries, expected 2");
  refused({"Cast", {kMatrix}, {{"to", int64_t{999}}}},
          "Cast: the element type 999 is not supported");
  refused({"TopK", {kMatrix, ints({9})}, {}, 17, 2},
          "top_k: k is 9, expected 0 to 3, the size of axis -1");
  refused({"DepthToSpace", {image}, {{"blocksize", int64_t{0}}}},
          "DepthToSpace: got [1, 1, 2, 2] and block size 0");
  refused({"SpaceToDepth", {image}, {{"blocksize", kHuge}}},
          "SpaceToDepth: got [1, 1, 2, 2] and block size 4611686018427387904");
  refused({"Split", {kMatrix, ints({1, 7})}, {}, 17, 2},
          "split: sizes [1, 7] do not add up to axis 0 of [2, 3]");

  refused({"Conv", {ints({1}), kMatrix}},
          "Conv: got [1] and weights [2, 3], expected both with the same spatial axes");
}

TEST(HostileModel, HasIndicesOutOfRangeWhenItRuns) {
  refused({"Gather", {kMatrix, ints({0, 2})}}, "gather: index 2 at position 1 is outside [-2, 2)");
  refused({"Gather", {kMatrix, ints({INT64_MIN})}},
          "gather: index -9223372036854775808 at position 0 is outside [-2, 2)");
  refused({"GatherElements", {kMatrix, index(5, {1, 1})}},
          "take_along_axis: index 5 at position 0 is outside [-2, 2)");
  refused({"GatherND", {kMatrix, Tensor::of<int64_t>({0, 3}, {1, 2})}},
          "gather: index -2199023254528 at position 0 is outside [-6, 6)");
  refused({"ScatterElements", {kMatrix, index(-3, {1, 1}), Tensor::of<float>({1}, {1, 1})}},
          "put_along_axis: index -3 at position 0 is outside [-2, 2)");
  refused({"ScatterND", {kMatrix, index(2, {1, 1}), Tensor::of<float>({1, 1, 1}, {1, 3})}},
          "scatter: index -2199023254528 at position 0 is outside [-2, 2)");
}

// A program that gathers from an input says which node of the model that was.
TEST(HostileModel, NamesTheNodeOfACompiledModel) {
  const OneNode node{"Gather", {kMatrix, ints({7})}};
  Engine engine(node.model());
  EXPECT_EQ(error_of([&] { engine.run(node.arguments()); }),
            "node 'it' (Gather): gather: index 7 at position 0 is outside [-2, 2)");
  EXPECT_EQ(engine.interpreted_because(node.arguments()), "");
}

TEST(HostileModel, UnrollsNoLoopWithoutEnd) {
  ModelProto proto = small_model();
  GraphProto& graph = *proto.mutable_graph();
  graph.clear_node();
  add_tensor(graph, "most", {}, TensorProto::INT64).add_int64_data(1000);
  GraphProto& body = add_graph(add_node(graph, "Loop", {"most", "", "x"}, {"y"}), "body");
  for (const char* name : {"i", "c", "v"}) body.add_input()->set_name(name);
  add_node(body, "Relu", {"v"}, {"w"});
  for (const char* name : {"c", "w"}) body.add_output()->set_name(name);
  Limits limits;
  limits.recorded = 500;
  Engine engine(Model::parse(proto.SerializeAsString(), "m.onnx", limits));
  EXPECT_EQ(engine.run({kX})[0].tensor.array().to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(engine.interpreted_because({kX}),
            "node 'n' (Loop): graph: it has more than 500 nodes, with its loops unrolled");
  limits.loop = 999;
  EXPECT_EQ(interpret(proto, limits),
            "node 'n' (Loop): Loop: ran 999 iterations, which is the limit");
}

TEST(HostileModel, RunsMoreNodesThanAllowed) {
  ModelProto proto = small_model();
  Limits limits;
  limits.nodes = 0;
  EXPECT_EQ(interpret(proto, limits), "graph: more than 0 nodes ran");
  limits = {};
  limits.value_bytes = 7;
  EXPECT_EQ(interpret(proto, limits),
            "node 'n' (Relu): value: f32[2] is over the limit of 7 bytes");
  limits = {};
  limits.flops = 1;
  EXPECT_EQ(interpret(proto, limits),
            "node 'n' (Relu): value: needs more than 1 operations, which is the limit");
}

// f32[1000, 2] in y0, and exp of the one before in y1 to y3: each value is small, but there are
// many.
ModelProto chain() {
  ModelProto proto = small_model();
  GraphProto& graph = *proto.mutable_graph();
  graph.clear_node();
  graph.clear_output();
  TensorProto& shape = add_tensor(graph, "shape", {2}, TensorProto::INT64);
  for (const int64_t size : {1000, 2}) shape.add_int64_data(size);
  for (int i = 0; i < 4; ++i) {
    const std::string name = "y" + std::to_string(i), before = "y" + std::to_string(i - 1);
    if (i == 0) add_node(graph, "Expand", {"x", "shape"}, {name}).set_name(name);
    if (i > 0) add_node(graph, "Exp", {before}, {name}).set_name(name);
    graph.add_output()->set_name(name);
  }
  return proto;
}

TEST(HostileModel, TakesMoreMemoryThanAllowed) {
  Limits limits;
  limits.memory = 30000;
  EXPECT_EQ(interpret(chain(), limits),
            "node 'y3' (Exp): memory: 8000 bytes beside the 24024 that are taken are over the "
            "limit of 30000 bytes");
  limits.memory = 32100;
  EXPECT_EQ(interpret(chain(), limits), "no error");
}

TEST(HostileModel, CompilesToAProgramOfMoreMemoryThanAllowed) {
  Limits limits;
  const auto run = [&] {
    Engine engine(Model::parse(chain().SerializeAsString(), "m.onnx", limits));
    return error_of([&] { engine.run({kX}); });
  };
  limits.memory = 30000;
  EXPECT_EQ(run(),
            "program: takes 32008 bytes (0 activations and scratch, 32008 inputs and results, 0 "
            "constants and states), over the limit of 30000");
  limits.memory = 64000;
  EXPECT_EQ(run(), "no error");
}

// Weights count as soon as they are there: here 4 MB that a few bytes stand for.
TEST(HostileModel, HasWeightsOfMoreMemoryThanAllowed) {
  ModelProto proto = small_model();
  auto& sparse = *proto.mutable_graph()->add_sparse_initializer();
  sparse.mutable_values()->set_name("w");
  sparse.mutable_values()->set_data_type(TensorProto::FLOAT);
  sparse.mutable_values()->add_dims(1);
  sparse.mutable_values()->add_float_data(1);
  sparse.mutable_indices()->set_data_type(TensorProto::INT64);
  sparse.mutable_indices()->add_dims(1);
  sparse.mutable_indices()->add_int64_data(5);
  for (int i = 0; i < 2; ++i) sparse.add_dims(1000);
  Limits limits;
  limits.memory = 1'000'000;
  EXPECT_EQ(interpret(proto, limits),
            "m.onnx: 4000000 bytes beside the 12 that are taken are over the limit of 1000000 "
            "bytes");
  limits.memory = 4'000'100;
  EXPECT_EQ(interpret(proto, limits), "no error");
}

// A model whose weights lie in other files.
class HostileExternal : public ::testing::Test {
 protected:
  HostileExternal() {
    mkdir(path("in").c_str(), 0755);
    std::ofstream(folder_ / "in/weights") << std::string(8, '\0');
    std::ofstream(folder_ / "outside") << std::string(8, '\0');
    mkdir(path("in/sub").c_str(), 0755);
  }
  std::string path(const std::string& name) const { return folder_ / name; }
  std::string load(const std::string& location,
                   const std::map<std::string, std::string>& more = {}) {
    ModelProto proto = small_model();
    TensorProto& t = add_tensor(*proto.mutable_graph(), "w", {2});
    t.set_data_location(TensorProto::EXTERNAL);
    const auto set = [&](const std::string& key, const std::string& value) {
      auto* entry = t.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    set("location", location);
    for (const auto& [key, value] : more) set(key, value);
    std::ofstream(folder_ / "in/m.onnx") << proto.SerializeAsString();
    std::string error = error_of([&] { Model::load(folder_ / "in/m.onnx"); });
    const std::string where = path("in/m.onnx") + ": tensor 'w': ";
    return error.starts_with(where) ? error.substr(where.size()) : error;
  }
  TempFolder folder_;
};

TEST_F(HostileExternal, LeavesTheFolder) {
  EXPECT_EQ(load("weights"), "no error");
  EXPECT_EQ(load("sub/../weights"), "names 'sub/../weights', which leaves the model's folder");
  EXPECT_EQ(load("sub/../../outside"),
            "names 'sub/../../outside', which leaves the model's folder");
  EXPECT_EQ(load("/" + path("outside")),
            "names the absolute path '/" + path("outside") + "', expected one beneath the model");
  EXPECT_EQ(load(std::string("weights\0x", 9)), "names a path with a zero byte");
  ASSERT_EQ(symlink("..", path("in/up").c_str()), 0);
  EXPECT_EQ(load("up/outside"), "cannot open 'up/outside': Not a directory");
  ASSERT_EQ(link(path("outside").c_str(), path("in/hard").c_str()), 0);
  EXPECT_EQ(load("hard"), "'hard' has several hard links");
}

TEST_F(HostileExternal, IsNoFile) {
  EXPECT_EQ(load("nothing"), "cannot open 'nothing': No such file or directory");
  EXPECT_EQ(load("sub"), "'sub' is not a file");
  EXPECT_EQ(load("weights/x"), "cannot open 'weights/x': Not a directory");
  ASSERT_EQ(mkfifo(path("in/pipe").c_str(), 0600), 0);
  EXPECT_EQ(load("pipe"), "'pipe' is not a file");
  EXPECT_EQ(load(""), "has no external data location");
}

TEST_F(HostileExternal, LiesBeyondItsFile) {
  EXPECT_EQ(load("weights", {{"offset", "1"}}), "lies at 1 with 8 bytes, but 'weights' has 8");
  EXPECT_EQ(load("weights", {{"offset", "18446744073709551615"}}),
            "lies at 18446744073709551615 with 8 bytes, but 'weights' has 8");
  EXPECT_EQ(load("weights", {{"offset", "18446744073709551616"}}),
            "'18446744073709551616' is not a number of bytes");
  EXPECT_EQ(load("weights", {{"offset", "-1"}}), "'-1' is not a number of bytes");
  EXPECT_EQ(load("weights", {{"length", "9"}}), "has 9 bytes, expected 8");
  EXPECT_EQ(load("weights", {{"size", "8"}}), "has the unknown external data key 'size'");
}

}  // namespace
}  // namespace suan::onnx
