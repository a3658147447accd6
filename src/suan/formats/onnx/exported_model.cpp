// An exported graph as a message, a file or the parts of a model.
// SPDX-License-Identifier: Apache-2.0
#include "suan/base/error.h"
#include "suan/formats/onnx/internal/emitted.h"
#include "suan/formats/onnx/internal/save_message.h"

namespace suan::onnx {

namespace {

int64_t ir_version_of(int64_t opset) {
  constexpr int64_t kVersions[] = {8, 9, 9, 10, 10, 11, 12, 13, 13};  // of opsets from 18 on
  return kVersions[opset - 18];
}

::onnx::ModelProto header(int64_t opset) {
  ::onnx::ModelProto model;
  model.set_ir_version(ir_version_of(opset));
  model.set_producer_name("suan");
  model.set_producer_version(SUAN_VERSION);
  auto& set = *model.add_opset_import();
  set.set_domain("");
  set.set_version(opset);
  return model;
}

}  // namespace

struct ExportedModel::Impl {
  Emitted emitted;
  size_t most_bytes = 0;

  size_t bytes() const { return message_bytes(emitted.graph, emitted.initializers); }
  ::onnx::ModelProto structure() const {
    ::onnx::ModelProto model = header(emitted.opset);
    *model.mutable_graph() = emitted.graph;
    return model;
  }
};

ExportedModel::ExportedModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

ExportedModel finish(Emitted emitted, const ExportOptions& options) {
  return ExportedModel(std::make_shared<const ExportedModel::Impl>(
      ExportedModel::Impl{std::move(emitted), options.most_bytes}));
}

std::string ExportedModel::bytes() const {
  if (impl_->bytes() > impl_->most_bytes) {
    fail(ErrorCode::kUnsupported, "export",
         "the model has {} bytes, more than the {} of one message: save it to a file",
         impl_->bytes(), impl_->most_bytes);
  }
  ::onnx::ModelProto model = impl_->structure();
  add_initializers(model, impl_->emitted.initializers);
  return model.SerializeAsString();
}

ModelParts ExportedModel::parts() const {
  return {impl_->structure().SerializeAsString(), impl_->emitted.initializers};
}

void ExportedModel::save(const std::filesystem::path& path) const {
  save_message(path, impl_->structure(), impl_->emitted.initializers, impl_->most_bytes);
}

}  // namespace suan::onnx
