// The programs of a session.
// SPDX-License-Identifier: Apache-2.0
#include "suan/formats/onnx/session.h"

#include "suan/tensor/compile.h"

namespace suan::onnx {
namespace {

void describe(const Value& value, std::string& out) {
  out += to_string(value) + ';';
  if (value.kind == TypeKind::map && value.keys.buffer) {  // a graph holds for these keys alone
    out.append(value.keys.as<char>(), value.keys.bytes());
  }
  for (const Value& item : value.items) describe(item, out);
}
std::string signature_of(const std::vector<Value>& arguments) {
  std::string signature;
  for (const Value& value : arguments) describe(value, signature);
  return signature;
}

}  // namespace

struct Session::Entry {
  std::string signature;
  std::string reason;  // not empty: it depends on data
  Specialised specialised;
  std::unique_ptr<RunContext> context;
};

Session::Session(std::shared_ptr<const Model> model, SessionOptions options)
    : model_(std::move(model)), options_(options) {}
Session::~Session() = default;

Session::Entry* Session::find(const std::vector<Value>& arguments) {
  const std::string signature = signature_of(arguments);
  for (const auto& entry : entries_) {
    if (entry->signature == signature) return entry.get();
  }
  auto entry = std::make_unique<Entry>();
  entry->signature = signature;
  try {
    entry->specialised = model_->specialise(arguments);
    entry->context = std::make_unique<RunContext>(
        Program::build(entry->specialised.graph, current_backend(),
                       {.precision = options_.precision, .without = options_.without}));
  } catch (const DataDependent& e) {
    entry->reason = e.what();
  }
  entries_.push_back(std::move(entry));
  return entries_.back().get();
}

RunContext* Session::context(const std::vector<Value>& arguments) {
  return options_.interpret ? nullptr : find(arguments)->context.get();
}

std::vector<Value> Session::run(const std::vector<Value>& arguments) {
  reason_ = options_.interpret ? "it was asked to" : "";
  Entry* entry = options_.interpret ? nullptr : find(arguments);
  if (entry) reason_ = entry->reason;
  if (!reason_.empty()) return model_->interpret(arguments);
  std::vector<BufferPtr> blocks;
  for (const Value& value : arguments) {
    for_each_tensor(value, [&](const Tensor& t) { blocks.push_back(t.array().buffer); });
  }
  const auto results = entry->context->run(blocks);
  std::vector<Value> outputs = entry->specialised.outputs;
  size_t next = 0;
  for (Value& value : outputs) {
    for_each_tensor(value, [&](Tensor& t) { t = make_constant(t.type(), results[next++]); });
  }
  return outputs;
}

}  // namespace suan::onnx
