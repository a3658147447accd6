// The kernels have the names of their ops. SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/random.h"

#include "suan/backend/cuda/kernels/random_params.h"
#include "suan/backend/cuda/own_kernel.h"

namespace suan::cuda {
namespace {

class RandomCall final : public Call {
 public:
  explicit RandomCall(const Node& node) : kernel_(std::string(node.op->name)) {}
  void run(const KernelArgs& args) const override {
    const auto count = static_cast<uint64_t>(args.out[0].numel());
    const RandomParams p{args.in[0].as<int64_t>(), args.out[0].as<float>(), count};
    launch_for(kernel_, gpu_of(args), (count + 3) / 4, p);
  }

 private:
  OwnKernel kernel_;
};

}  // namespace

std::unique_ptr<Call> make_random_call(const Node& node) {
  return std::make_unique<RandomCall>(node);
}

}  // namespace suan::cuda
