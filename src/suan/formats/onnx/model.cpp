// Loading a model and the two ways of following it.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/model.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <climits>
#include <unordered_set>

#include "suan/base/file.h"
#include "suan/base/nearest.h"
#include "suan/formats/onnx/internal/external_data.h"
#include "suan/formats/onnx/internal/follower.h"
#include "suan/formats/onnx/internal/newer_fields.h"
#include "suan/formats/onnx/internal/raw_tensors.h"
#include "suan/formats/onnx/internal/save_message.h"
#include "suan/graph/pending.h"
#include "suan/graph/trace.h"

namespace suan::onnx {
namespace {

constexpr int kProtoDepth = 200;  // messages within messages

void parse_message(std::string_view bytes, const std::string& where, ::onnx::ModelProto& proto) {
  if (bytes.size() > INT_MAX) {
    fail(ErrorCode::kBadFile, where,
         "has {} bytes, expected at most {} (weights of larger models "
         "are external data)",
         bytes.size(), INT_MAX);
  }
  google::protobuf::io::ArrayInputStream raw(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedInputStream stream(&raw);
  stream.SetRecursionLimit(kProtoDepth);
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage() ||
      !proto.has_graph()) {
    fail(ErrorCode::kBadFile, where, "is not an ONNX model (its message does not parse)");
  }
}

// Symbols are negative numbers; an unnamed size gets a name of its own.
Shape read_shape(const ::onnx::TensorShapeProto& proto, const std::string& argument,
                 const std::string& where) {
  Shape shape;
  if (proto.dim_size() > kMaxRank) {
    fail(ErrorCode::kUnsupported, where, "'{}' has {} dimensions, expected at most {}", argument,
         proto.dim_size(), kMaxRank);
  }
  for (int i = 0; i < proto.dim_size(); ++i) {
    const auto& dim = proto.dim(i);
    if (dim.has_dim_value()) {
      if (dim.dim_value() < 0) {
        fail(ErrorCode::kBadFile, where, "'{}' has the size {}", argument, dim.dim_value());
      }
      shape.push_back(dim.dim_value());
    } else {
      shape.push_back(
          symbol(dim.dim_param().empty() ? fmt::format("{}_{}", argument, i) : dim.dim_param()));
    }
  }
  return shape;
}

Argument read_argument(const ::onnx::ValueInfoProto& info, const std::string& where) {
  Argument argument{.name = info.name()};
  const auto& type = info.type();
  if (type.has_tensor_type()) {
    if (type.tensor_type().elem_type() != 0) {
      argument.typed = true;
      argument.dtype = dtype_of_onnx(type.tensor_type().elem_type(),
                                     fmt::format("{}: '{}'", where, info.name()));
    }
    if (type.tensor_type().has_shape()) {
      argument.ranked = true;
      argument.shape = read_shape(type.tensor_type().shape(), info.name(), where);
    }
  } else if (type.has_sequence_type()) {
    argument.kind = TypeKind::sequence;
  } else if (type.has_optional_type()) {
    argument.kind = TypeKind::optional;
  } else if (type.has_map_type()) {
    argument.kind = TypeKind::map;
  }
  return argument;
}

void check_argument(const Argument& expected, const Value& got) {
  if (!got.present() || got.kind != expected.kind) {
    if (expected.kind == TypeKind::optional && got.kind == TypeKind::tensor) return;
    if (!expected.typed && got.present()) return;
    fail("input", "'{}' is {}, expected a {}", expected.name, to_string(got),
         expected.kind == TypeKind::tensor ? "tensor" : "sequence, optional or map");
  }
  if (got.kind != TypeKind::tensor || !expected.typed) return;
  const Type& type = got.tensor.type();
  if (!accepts(expected, type)) {
    fail("input", "'{}' is {}, expected {}{}", expected.name, to_string(type), name(expected.dtype),
         expected.ranked ? to_string(expected.shape) : "");
  }
}

// Where a model's bytes come from: the file that is mapped there (or null), and the folder of its
// external data (or null). What has been read of a mapped file is dropped from memory.
struct Source {
  std::string_view bytes;
  std::shared_ptr<const OpenFile> file = nullptr;
  DataFolder* folder = nullptr;
};

void add_initializer(Model::Impl& impl, const std::string& name, const Array& array) {
  if (!impl.initializers.emplace(name, Tensor::from(array)).second) {
    fail(ErrorCode::kBadFile, impl.where, "the initializer '{}' is there twice", name);
  }
  impl.initializer_names.push_back(name);
}

void read_initializers(Model::Impl& impl, const std::vector<std::string_view>& raw,
                       const Source& source) {
  size_t i = 0;
  for (auto& t : *impl.proto.mutable_graph()->mutable_initializer()) {
    RawData data{.bytes = i < raw.size() ? raw[i] : std::string_view()};
    ++i;
    if (!data.bytes.empty() && data.bytes.size() >= impl.limits.late_bytes) {
      data.file = source.file;
      data.offset = static_cast<size_t>(data.bytes.data() - source.bytes.data());
    }
    add_initializer(impl, t.name(), read_tensor(t, impl.where, source.folder, data));
    delete t.release_raw_data();  // the array has it now
    t.clear_float_data();
    if (source.file) drop_pages(data.bytes);
  }
  for (const auto& t : impl.proto.graph().sparse_initializer()) {
    add_initializer(impl, t.values().name(),
                    read_sparse_tensor(t, impl.where, impl.limits.value_bytes));
  }
}

::onnx::ModelProto proto_without_initializers(const Model::Impl& impl) {
  ::onnx::ModelProto proto = impl.proto;
  proto.mutable_graph()->clear_initializer();
  proto.mutable_graph()->clear_sparse_initializer();
  return proto;
}

std::unique_ptr<Model::Impl> parse_into(std::string_view message, const std::string& where,
                                        const Limits& limits) {
  auto impl = std::make_unique<Model::Impl>();
  impl->where = where;
  impl->limits = limits;
  parse_message(message, where, impl->proto);
  return impl;
}

std::shared_ptr<const Model> finish(std::unique_ptr<Model::Impl> impl,
                                    const std::vector<std::string_view>& raw = {},
                                    const Source& source = {}) {
  for (const auto& set : impl->proto.opset_import()) {
    impl->opsets[set.domain() == "ai.onnx" ? "" : set.domain()] = set.version();
  }
  for (const auto& function : impl->proto.functions()) {
    impl->functions.emplace(function_key(function), &function);
  }
  read_initializers(*impl, raw, source);
  for (const auto& info : impl->proto.graph().input()) {
    if (!impl->initializers.contains(info.name())) {
      impl->inputs.push_back(read_argument(info, impl->where));
    }
  }
  for (const auto& info : impl->proto.graph().output()) {
    impl->outputs.push_back(read_argument(info, impl->where));
  }
  return std::make_shared<const Model>(std::move(impl));
}

std::shared_ptr<const Model> read_model(const std::string& where, const Limits& limits,
                                        const Source& source) {
  const SplitModel split = split_model(source.bytes);
  return finish(parse_into(split.message, where, limits), split.raw, source);
}

}  // namespace

bool accepts(const Argument& argument, const Type& type) {
  if (argument.typed && argument.dtype != type.dtype) return false;
  if (!argument.ranked) return true;
  bool fits = argument.shape.rank() == type.shape.rank();
  for (int i = 0; fits && i < type.shape.rank(); ++i) {
    fits = argument.shape[i] < 0 || argument.shape[i] == type.shape[i];
  }
  return fits;
}

size_t index_of(std::span<const Argument> arguments, std::string_view name, std::string_view where,
                std::string_view what) {
  const auto found = std::find_if(arguments.begin(), arguments.end(),
                                  [&](const Argument& argument) { return argument.name == name; });
  if (found != arguments.end()) return static_cast<size_t>(found - arguments.begin());
  std::vector<std::string> names;
  for (const Argument& argument : arguments) names.push_back(argument.name);
  fail(where, "{}", unknown_name(what, name, names));
}

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::~Model() = default;
const std::vector<Argument>& Model::inputs() const { return impl_->inputs; }
const std::vector<Argument>& Model::outputs() const { return impl_->outputs; }

formats::NamedArrays Model::initializers() const {
  formats::NamedArrays all;
  for (const std::string& name : impl_->initializer_names) {
    all.push_back({name, impl_->initializers.at(name).array()});
  }
  return all;
}

std::shared_ptr<const Model> Model::with_initializers(const formats::NamedArrays& arrays,
                                                      const std::string& where) const {
  ModelParts all = parts();
  std::unordered_map<std::string_view, Array*> known;
  for (auto& [name, array] : all.initializers) known[name] = &array;
  for (const auto& [name, array] : arrays) {
    const auto found = known.find(name);
    if (found == known.end()) {
      if (known.empty()) fail(where, "holds '{}', the model has no initializers", name);
      fail(where, "{}", unknown_name("initializer", name, impl_->initializer_names));
    }
    const Type expected(found->second->dtype, found->second->shape), got(array.dtype, array.shape);
    if (!(got == expected)) {
      fail(where, "'{}' is {}, expected {}", name, to_string(got), to_string(expected));
    }
    *found->second = array;
  }
  return assemble(all, impl_->where, impl_->limits);
}

void Model::save(const std::filesystem::path& path, size_t most_bytes) const {
  save_message(path, proto_without_initializers(*impl_), initializers(), most_bytes);
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& path, const Limits& limits) {
  const MemoryLimit memory(limits.memory, 0, path.string());
  const auto file = OpenFile::open(path.string());
  const BufferPtr bytes = file->map(limits.file_bytes);
  DataFolder folder(path.parent_path(), limits);
  return read_model(
      path.string(), limits,
      {.bytes = {bytes->as<char>(), bytes->bytes()}, .file = file, .folder = &folder});
}

std::shared_ptr<const Model> Model::parse(std::string_view bytes, const std::string& where,
                                          const Limits& limits) {
  const MemoryLimit memory(limits.memory, 0, where);
  return read_model(where, limits, {.bytes = bytes});
}

std::shared_ptr<const Model> Model::assemble(const ModelParts& parts, const std::string& where,
                                             const Limits& limits) {
  const MemoryLimit memory(limits.memory, 0, where);
  auto impl = parse_into(parts.structure, where, limits);
  for (const auto& [name, array] : parts.initializers) add_initializer(*impl, name, array);
  return finish(std::move(impl));
}

const Limits& Model::limits() const { return impl_->limits; }

ModelParts Model::parts() const {
  return {proto_without_initializers(*impl_).SerializeAsString(), initializers()};
}

namespace {
void check_arguments(const Model& model, const std::vector<Value>& arguments) {
  const auto& inputs = model.inputs();
  if (arguments.size() != inputs.size()) {
    fail("input", "got {} values, expected {}", arguments.size(), inputs.size());
  }
  for (size_t i = 0; i < inputs.size(); ++i) check_argument(inputs[i], arguments[i]);
}

// The memory of the weights and arguments that is there before a run.
size_t bytes_there(const Model::Impl& model, const std::vector<Value>& arguments) {
  std::unordered_set<const Buffer*> counted;
  size_t bytes = 0;
  const auto count = [&](const Tensor& t) {
    const BufferPtr* block = t.node().value(t.output());
    const bool there = block && (*block)->is_made() && counted.insert(block->get()).second;
    bytes += there ? (*block)->bytes() : 0;
  };
  for (const auto& [name, tensor] : model.initializers) count(tensor);
  for (const Value& value : arguments) for_each_tensor(value, count);
  return bytes;
}
}  // namespace

std::vector<Value> Model::interpret(const std::vector<Value>& arguments,
                                    std::vector<NodeValue>* nodes) const {
  const PauseTracking pause;
  check_arguments(*this, arguments);
  const MemoryLimit memory(impl_->limits.memory, bytes_there(*impl_, arguments));
  return Follower(*impl_, true, nodes).run(arguments);
}

Specialised Model::specialise(const std::vector<Value>& arguments,
                              std::vector<NodeValue>* nodes) const {
  const PauseTracking pause;
  Specialised result;
  result.graph.name = impl_->proto.graph().name();
  check_arguments(*this, arguments);
  const MemoryLimit memory(impl_->limits.memory, bytes_there(*impl_, arguments));
  std::vector<Value> traced = arguments;
  for (size_t i = 0; i < traced.size(); ++i) {
    for_each_tensor(traced[i], [&](Tensor& t) {
      t = make_input(t.type(), impl_->inputs[i].name);
      result.graph.inputs.push_back(t);
    });
  }
  Follower follower(*impl_, false, nodes);
  result.outputs = follower.run(traced);
  result.graph.updates = follower.updates();
  for (const Value& value : result.outputs) {
    for_each_tensor(value, [&](const Tensor& t) { result.graph.outputs.push_back(t); });
  }
  return result;
}

}  // namespace suan::onnx
