// State: a value that outlives one run (a parameter, an optimizer slot, a counter). An object, not
// a Tensor: reading it gives the current value as a Tensor, assigning rebinds that value.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "suan/graph/layout.h"
#include "suan/graph/tensor.h"

namespace suan {

class State;
using StatePtr = std::shared_ptr<State>;

class State : public std::enable_shared_from_this<State> {
 public:
  static StatePtr create(std::string name, Array initial, bool trainable = false);

  const Type& type() const { return type_; }
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  bool trainable() const { return trainable_; }
  void set_trainable(bool trainable) { trainable_ = trainable; }
  uint64_t version() const { return version_; }  // grows with every new value

  // The current value: that of the trace when one is open on this thread, else the pending or
  // stored one. Throws Error from `assign` when dtype or shape change.
  Tensor read();
  void assign(const Tensor& value);
  // Replaces the content at once with a copy of the array.
  void load(const Array& array);
  // Another content whose type may differ, where a model changes its shape. Not while a function is
  // traced. Compiled functions trace themselves anew; a Program made before must not run again.
  void reset(Array array);
  // A copy of the current content, in logical order.
  Array array();
  StatePtr clone();  // the only way to keep an old value

  // For programs: the stored block (a pending value is computed first), and its replacement.
  const BufferPtr& buffer();
  void replace(BufferPtr buffer);

 private:
  State() = default;
  Type type_;
  std::string name_;
  bool trainable_ = false;
  uint64_t version_ = 0;
  BufferPtr buffer_;
  Tensor pending_;                  // a lazy value that `buffer_` does not hold yet
  std::weak_ptr<const Node> leaf_;  // the node that stands for `buffer_` while somebody holds it
};

}  // namespace suan
