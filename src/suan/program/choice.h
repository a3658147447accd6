// Kernel choice: of the kernels that take a node, the fastest one, measured once on made-up data
// and then remembered: in this process, in the timing cache, and in the record that a run keeps so
// that it goes on with the same bits. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "suan/backend/kernel.h"

namespace suan {

// The kernel for a node; null: none takes it. A background thread (base/thread_role.h) measures
// nothing, as others have the cores: what was not measured before goes by the table's order.
const Kernel* choose_kernel(const Backend& backend, const Node& node);

// While it lives, this thread chooses no kernel that spends memory, where another one is there.
class SmallMemory {
 public:
  explicit SmallMemory(bool wanted);
  ~SmallMemory();
  SmallMemory(const SmallMemory&) = delete;
  SmallMemory& operator=(const SmallMemory&) = delete;

 private:
  bool before_;
};

// What was measured when this node's kernel was chosen; empty: there was nothing to choose.
struct KernelTime {
  std::string kernel;
  double seconds;
};
std::vector<KernelTime> measured_times(const Backend& backend, const Node& node);

// All choices of this process: one line for each kind of node, its key, a tab, the kernel's name.
std::string kernel_record();
// Choices to make without measuring. Throws Error(kBadFile) naming `where` and the line that is
// none. A kernel that does not take its node here is chosen anew.
void load_kernel_record(std::string_view text, const std::string& where);

}  // namespace suan
