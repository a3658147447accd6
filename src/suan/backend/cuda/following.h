// What follows a product or convolution in a region: a bias, a residual, an activation, which the
// libraries compute before they write the result. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <vector>

#include "suan/backend/cuda/gpu.h"
#include "suan/backend/kernel.h"
#include "suan/backend/region_chain.h"
#include "suan/ops/op.h"

namespace suan::cuda {

struct Following {
  RegionChain chain;
  Epilogue epilogue;
  int bias = -1, residual = -1;  // operands of the node that has the region
  int preactivation = -1;        // that is given
};

// Reads a node, an `anchor` op or a region that begins with one, or a region alone. Null, or the
// reason why it is neither.
const char* read_following(const Node& node, Op anchor, Following& following);
const char* read_following(const Graph& region, Op anchor, Following& following);

// What follows as a kernel of its own, where a library refuses to compute it: reads the result
// that the anchor has without it, from the memory where the (first) result goes. The residual may
// have been added already.
class FollowingCall {
 public:
  FollowingCall(const Node& node, const Following& following, bool residual_added);
  void run(const KernelArgs& args) const;  // of the node

 private:
  std::unique_ptr<Call> call_;
  std::vector<int> operands_;  // of the node, after the anchor's result
  size_t first_out_ = 0;       // 1: the first result is the anchor's, which is there already
};

// What the library makes of `spec`; where it refuses, what it makes of it with no epilogue but
// `least`, and a call for the rest.
template <class Spec, class Make>
auto make_or_follow(const Node& node, const Following& following, const Spec& spec,
                    const Epilogue& least, std::unique_ptr<FollowingCall>& after, Make&& make) {
  try {
    return make(spec);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported || spec.epilogue == least) throw;
  }
  Spec alone = spec;
  alone.epilogue = least;
  auto made = make(alone);
  after = std::make_unique<FollowingCall>(node, following, least.residual);
  return made;
}

}  // namespace suan::cuda
