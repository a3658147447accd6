// An ONNX model file: loading it, and following it on values. Followed on arguments that are known
// it computes its results; followed on graph inputs it records a Graph for their shapes.
// https://onnx.ai/onnx/repo-docs/IR.html
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "suan/base/array.h"
#include "suan/base/error.h"
#include "suan/base/memory_limit.h"
#include "suan/formats/named_array.h"
#include "suan/formats/onnx/value.h"
#include "suan/graph/graph.h"

namespace suan::onnx {

// What a model may take: hostile files must not exhaust the machine.
struct Limits {
  size_t file_bytes = size_t{64} << 30;   // of the model, weights included
  size_t value_bytes = size_t{16} << 30;  // of one value
  // Of all values that live at once in a run, with its arguments and results, the weights that have
  // been read or computed by then, and of a program its scratch memory.
  size_t memory = default_memory_limit();
  double flops = 1e18;                   // computed while following
  int64_t loop = 1'000'000;              // iterations of one Loop
  int64_t nodes = 50'000'000;            // nodes followed in one go
  int64_t recorded = 1'000'000;          // the same for a graph; beyond, a model is interpreted
  int depth = 32;                        // subgraphs and functions within one another
  size_t late_bytes = size_t{64} << 10;  // weights of this size are read when they are wanted
};

// Larger models keep their weights in a second file: protobuf reads messages up to 2 GiB.
inline constexpr size_t kMostMessageBytes = 2'000'000'000;

// Where following a model on graph inputs would need a number that only data gives (the trip count
// of a Loop, how many elements are not zero): such a model runs in the interpreter.
class DataDependent : public Error {
 public:
  explicit DataDependent(std::string_view where, std::string_view what)
      : Error(ErrorCode::kUnsupported, where, what) {}
};

struct Argument {
  std::string name;
  TypeKind kind = TypeKind::tensor;
  // Of a tensor whose type the file gives. A size that it only names is a symbol (base/shape.h).
  bool typed = false;
  bool ranked = false;
  DType dtype = DType::f32;
  Shape shape;
};

// What a node of the main graph gave.
struct NodeValue {
  std::string node, op;
  std::string name;  // of the output
  Value value;
};

// Whether a tensor of this type fits what the file says of dtype and shape.
bool accepts(const Argument& argument, const Type& type);
// Which argument has the name. Throws Error(where) saying that there is no `what` of that name, and
// the nearest.
size_t index_of(std::span<const Argument> arguments, std::string_view name, std::string_view where,
                std::string_view what = "input");

// A Graph recorded for given arguments, and how its outputs make up the model's.
struct Specialised {
  Graph graph;
  std::vector<Value> outputs;  // whose tensors are graph.outputs, in order
};

// A model in two: the message without its initializers, and these, in the file's order.
struct ModelParts {
  std::string structure;
  formats::NamedArrays initializers;
};

class Model {
 public:
  // Reads a model file; external data must lie beneath its folder. Throws Error(kBadFile).
  static std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                           const Limits& limits = {});
  // Parses the bytes of a model file; `where` is for messages.
  static std::shared_ptr<const Model> parse(std::string_view bytes, const std::string& where,
                                            const Limits& limits = {});
  // Puts a model together again from its parts; `where` is for messages.
  static std::shared_ptr<const Model> assemble(const ModelParts& parts, const std::string& where,
                                               const Limits& limits = {});
  ~Model();

  ModelParts parts() const;
  const Limits& limits() const;
  const std::vector<Argument>& inputs() const;  // without those that have an initializer
  const std::vector<Argument>& outputs() const;

  // The main graph's initializers, in the file's order; their memory is shared.
  formats::NamedArrays initializers() const;
  // The same model with these arrays for its initializers of their names; all others stay. Throws
  // Error(where) for a name that it does not have (with the nearest), and for another dtype or
  // shape.
  std::shared_ptr<const Model> with_initializers(const formats::NamedArrays& arrays,
                                                 const std::string& where) const;
  // Writes it as an ONNX file. What would exceed `most_bytes` has its weights in `<path>.data`.
  void save(const std::filesystem::path& path, size_t most_bytes = kMostMessageBytes) const;

  // Computes the outputs, node by node. An error names the node. `nodes` gets all values.
  std::vector<Value> interpret(const std::vector<Value>& arguments,
                               std::vector<NodeValue>* nodes = nullptr) const;
  // Records the graph for arguments of these types. Throws DataDependent.
  Specialised specialise(const std::vector<Value>& arguments,
                         std::vector<NodeValue>* nodes = nullptr) const;

  struct Impl;
  explicit Model(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace suan::onnx
