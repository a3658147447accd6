// States in lazy mode: a pending value, or a leaf that shares the stored block.
// SPDX-License-Identifier: Apache-2.0
#include "suan/graph/state.h"

#include <cstring>

#include "suan/base/error.h"
#include "suan/graph/node.h"
#include "suan/graph/trace.h"

namespace suan {

StatePtr State::create(std::string name, Array initial, bool trainable) {
  StatePtr state(new State());
  state->type_ = Type(initial.dtype, initial.shape);
  state->name_ = std::move(name);
  state->trainable_ = trainable;
  state->buffer_ = std::move(initial.buffer);
  return state;
}

Tensor State::read() {
  if (Trace* trace = Trace::current()) return trace->read(shared_from_this());
  if (pending_) {
    const BufferPtr* value = pending_.node().value(pending_.output());
    if (!value) return pending_;
    replace(BufferPtr(*value));  // known by now: what it was computed from is let go
  }
  if (NodePtr leaf = leaf_.lock()) return {leaf, 0};
  const Tensor leaf = make_constant(type_, buffer_);
  leaf_ = leaf.node_ptr();
  return leaf;
}

void State::assign(const Tensor& value) {
  if (!(value.type() == type_)) {
    fail("state", "'{}' is {}, got a value of {}", name_, to_string(type_),
         to_string(value.type()));
  }
  if (Trace* trace = Trace::current()) {
    trace->assign(shared_from_this(), value);
  } else {
    pending_ = value;
  }
}

const BufferPtr& State::buffer() {
  if (pending_) {
    const Tensor value = std::move(pending_);
    pending_ = Tensor();
    replace(value.array().buffer);
  }
  return buffer_;
}

void State::replace(BufferPtr buffer) {
  buffer_ = std::move(buffer);
  pending_ = Tensor();
  leaf_.reset();
  ++version_;
}

Array State::array() {
  if (Trace::current()) {
    fail("read",
         "the value of state '{}' is read inside a traced function, where it is not known yet",
         name_);
  }
  const BufferPtr& source = buffer();
  return {type_.dtype, type_.shape, Buffer::copy_of(source->data(), type_.bytes())};
}

void State::load(const Array& array) {
  if (array.dtype != type_.dtype || !(array.shape == type_.shape)) {
    fail("state", "'{}' is {}, got {}", name_, to_string(type_),
         to_string(Type(array.dtype, array.shape)));
  }
  if (!pending_ && buffer_.use_count() == 1) {  // in place: a new learning rate allocates nothing
    buffer_->overwrite(array.buffer->data());
    leaf_.reset();
    ++version_;
  } else {
    replace(Buffer::copy_of(array.buffer->data(), type_.bytes()));
  }
}

void State::reset(Array array) {
  if (Trace::current()) {
    fail("state", "'{}' cannot become {} inside a traced function", name_,
         to_string(Type(array.dtype, array.shape)));
  }
  type_ = Type(array.dtype, array.shape);
  replace(std::move(array.buffer));
}

StatePtr State::clone() { return create(name_, array(), trainable_); }

}  // namespace suan
