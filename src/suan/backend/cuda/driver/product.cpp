// cuBLASLt counts columns first: the memory of our m x n result is its n x m matrix, and
// y = a b is computed as y' = b' a', so that its "A" is our b and its "B" our a.
// SPDX-License-Identifier: Apache-2.0
#include "suan/backend/cuda/driver/product.h"

#include <cublasLt.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "suan/backend/cuda/driver/trial.h"
#include "suan/base/error.h"

namespace suan::cuda {
namespace {

// clang-format off
#define SUAN_CUBLAS_FUNCTIONS(F) \
  F(cublasLtCreate) F(cublasLtDestroy) F(cublasLtGetStatusString) F(cublasLtGetVersion) \
  F(cublasLtMatmulDescCreate) F(cublasLtMatmulDescDestroy) F(cublasLtMatmulDescSetAttribute) \
  F(cublasLtMatrixLayoutCreate) F(cublasLtMatrixLayoutDestroy) \
  F(cublasLtMatrixLayoutSetAttribute) F(cublasLtMatmulPreferenceCreate) \
  F(cublasLtMatmulPreferenceDestroy) F(cublasLtMatmulPreferenceSetAttribute) \
  F(cublasLtMatmulAlgoGetHeuristic) F(cublasLtMatmulAlgoCheck) F(cublasLtMatmul)
// clang-format on

struct CublasApi {
  SUAN_CUBLAS_FUNCTIONS(SUAN_FUNCTION_FIELD)
  std::string why_not;
};

const CublasApi& cublas() {
  static const CublasApi& api = *[] {
    auto* made = new CublasApi;
    CublasApi& table = *made;
    table.why_not =
        open_library("libcublasLt.so.13", {SUAN_CUBLAS_FUNCTIONS(SUAN_FUNCTION_SYMBOL)});
    return made;
  }();
  return api;
}

void check_cublas(cublasStatus_t status, const char* call) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  fail(ErrorCode::kSystem, "cuda", "{}: {}", name_of_call(call),
       cublas().cublasLtGetStatusString(status));
}
#define SUAN_CUBLAS(call) check_cublas(cublas().call, #call)

constexpr int kProposals = 8;
constexpr double kWorthMeasuring = 1e8;  // floating-point operations

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f64:
      return CUDA_R_64F;
    case DType::bf16:
      return CUDA_R_16BF;
    case DType::f16:
      return CUDA_R_16F;
    case DType::f8e4m3fn:
      return CUDA_R_8F_E4M3;
    case DType::f8e5m2:
      return CUDA_R_8F_E5M2;
    default:
      return CUDA_R_32F;
  }
}

cublasComputeType_t compute_type(const ProductSpec& spec) {
  if (spec.dtype == DType::f64) return CUBLAS_COMPUTE_64F;
  return spec.dtype == DType::f32 && spec.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

cublasLtEpilogue_t epilogue_of(const Epilogue& e) {
  if (e.preactivation == Preactivation::given) return CUBLASLT_EPILOGUE_DGELU;
  if (e.preactivation == Preactivation::kept) {
    return e.bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
  }
  switch (e.activation) {
    case Activation::relu:
      return e.bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case Activation::gelu_tanh:
      return e.bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default:
      return e.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  }
}

const char* preactivation_unsupported(const ProductSpec& spec) {
  const Epilogue& e = spec.epilogue;
  if (e.preactivation == Preactivation::unused) return nullptr;
  if (e.activation != Activation::gelu_tanh) return "the value before such an activation";
  if (spec.n % kPreactivationStep != 0) return "rows of such a value before an activation";
  if (e.preactivation == Preactivation::kept) return nullptr;
  if (e.bias) return "a gradient of an activation of a sum";
  const bool narrow = size_of(spec.dtype) == 2 && spec.result == spec.dtype;
  return narrow ? nullptr : "the gradient of GELU of such a type";
}

DType dtype_b(const ProductSpec& spec) { return spec.fp8_b.value_or(spec.dtype); }

const char* why_fp8_unsupported(const ProductSpec& spec) {
  constexpr int64_t kMultiple = 16;
  const auto fp8 = [](DType dtype) { return dtype == DType::f8e4m3fn || dtype == DType::f8e5m2; };
  if (!fp8(spec.dtype) || !fp8(*spec.fp8_b)) return "such types of FP8";
  if (spec.dtype == DType::f8e5m2 && *spec.fp8_b == DType::f8e5m2) return "two f8e5m2";
  if (spec.transpose_a || !spec.transpose_b) return "FP8 unless k lies last in both operands";
  if (spec.m % kMultiple || spec.n % kMultiple || spec.k % kMultiple) return "such sizes in FP8";
  if (!is_float(spec.result) || spec.result == DType::f64) return "such a type of the result";
  return spec.epilogue == Epilogue() ? nullptr : "an epilogue in FP8";
}

const char* why_unsupported(const ProductSpec& spec) {
  const Epilogue& e = spec.epilogue;
  if (spec.m <= 0 || spec.n <= 0 || spec.k <= 0 || spec.batch <= 0) return "a product of nothing";
  if (spec.fp8_b) return why_fp8_unsupported(spec);
  if (spec.batch > INT32_MAX) return "so many products at once";
  if (!is_float(spec.dtype)) return "products of integers";
  const bool widens = spec.result == DType::f32 && size_of(spec.dtype) == 2;
  if (spec.result != spec.dtype && !widens) return "such a type of the result";
  if (e.activation == Activation::gelu) return "GELU by erf";
  if (e.activation == Activation::sigmoid) return "a sigmoid";
  if (e.activation == Activation::silu) return "SiLU";
  if (e.residual && e.activation != Activation::none) return "an activation of a sum";
  return preactivation_unsupported(spec);
}

// A descriptor of cuBLASLt, with the function that ends it.
template <class T>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, cublasStatus_t (*)(T)>;

Owned<cublasLtMatrixLayout_t> layout(DType dtype, int64_t rows, int64_t columns,
                                     const ProductSpec& spec, int64_t stride) {
  cublasLtMatrixLayout_t made = nullptr;
  SUAN_CUBLAS(cublasLtMatrixLayoutCreate(&made, type_of(dtype), static_cast<uint64_t>(rows),
                                         static_cast<uint64_t>(columns), rows));
  Owned<cublasLtMatrixLayout_t> owned(made, cublas().cublasLtMatrixLayoutDestroy);
  if (spec.batch > 1) {
    const auto count = static_cast<int32_t>(spec.batch);
    SUAN_CUBLAS(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count,
                                                 sizeof(count)));
    SUAN_CUBLAS(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                                 &stride, sizeof(stride)));
  }
  return owned;
}

template <class T>
void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t name, const T& value) {
  SUAN_CUBLAS(cublasLtMatmulDescSetAttribute(operation, name, &value, sizeof(value)));
}

// It lies as y does and is of y's type, which is the library's default.
void lay_preactivation(cublasLtMatmulDesc_t operation, const ProductSpec& spec) {
  const void* aligned = pointer_of(static_cast<CUdeviceptr>(spec.alignment));
  set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aligned);
  set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, spec.n);
  if (spec.batch > 1) {
    set(operation, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, spec.stride_y);
  }
}

Owned<cublasLtMatmulDesc_t> operation(const ProductSpec& spec) {
  cublasLtMatmulDesc_t made = nullptr;
  const cudaDataType_t scale = spec.dtype == DType::f64 ? CUDA_R_64F : CUDA_R_32F;
  SUAN_CUBLAS(cublasLtMatmulDescCreate(&made, compute_type(spec), scale));
  Owned<cublasLtMatmulDesc_t> owned(made, cublas().cublasLtMatmulDescDestroy);
  const auto transposed = [](bool yes) -> int32_t { return yes ? CUBLAS_OP_T : CUBLAS_OP_N; };
  set(made, CUBLASLT_MATMUL_DESC_TRANSA, transposed(spec.transpose_b));
  set(made, CUBLASLT_MATMUL_DESC_TRANSB, transposed(spec.transpose_a));
  set(made, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<uint32_t>(epilogue_of(spec.epilogue)));
  if (spec.epilogue.bias) {
    // Its value tells the search for algorithms how bias is aligned.
    const void* somewhere = pointer_of(static_cast<CUdeviceptr>(kOperandAlign));
    set(made, CUBLASLT_MATMUL_DESC_BIAS_POINTER, somewhere);
    set(made, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<int32_t>(type_of(spec.result)));
  }
  if (spec.epilogue.preactivation != Preactivation::unused) lay_preactivation(made, spec);
  if (spec.fp8_b) {
    // Their values tell the search for algorithms that there are scales.
    const void* somewhere = pointer_of(static_cast<CUdeviceptr>(kOperandAlign));
    set(made, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, somewhere);
    set(made, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, somewhere);
  }
  return owned;
}

struct Algorithm {
  cublasLtMatmulAlgo_t code;
  size_t workspace = 0;
};

std::string text_of(const Algorithm& algorithm) {
  std::string text;
  for (const uint64_t word : algorithm.code.data) text += fmt::format("{:016x}", word);
  return text;
}

// False where the text is not what text_of() writes.
bool parse(std::string_view text, cublasLtMatmulAlgo_t& code) {
  if (text.size() != std::size(code.data) * 16) return false;
  for (uint64_t& word : code.data) {
    const std::string digits(text.substr(0, 16));
    const char* last = digits.c_str() + digits.size();
    const auto [end, error] = std::from_chars(digits.c_str(), last, word, 16);
    if (error != std::errc() || end != last) return false;
    text.remove_prefix(16);
  }
  return true;
}

int64_t extent(const ProductSpec& spec, int64_t stride, int64_t elements) {
  return (spec.batch - 1) * stride + elements;
}

}  // namespace

struct CublasHandle {
  explicit CublasHandle(std::shared_ptr<Queue> q) : queue(std::move(q)) {
    queue->make_current();
    SUAN_CUBLAS(cublasLtCreate(&handle));
  }
  ~CublasHandle() {
    if (process_ends()) return;
    queue->make_current();
    cublas().cublasLtDestroy(handle);
  }
  CublasHandle(const CublasHandle&) = delete;
  CublasHandle& operator=(const CublasHandle&) = delete;
  std::shared_ptr<Queue> queue;
  cublasLtHandle_t handle = nullptr;
};

namespace {

class LtProduct final : public Product {
 public:
  LtProduct(std::shared_ptr<CublasHandle> handle, const ProductSpec& spec)
      : handle_(std::move(handle)),
        spec_(spec),
        operation_(operation(spec)),
        a_(spec.transpose_b ? layout(dtype_b(spec), spec.k, spec.n, spec, spec.stride_b)
                            : layout(dtype_b(spec), spec.n, spec.k, spec, spec.stride_b)),
        b_(spec.transpose_a ? layout(spec.dtype, spec.m, spec.k, spec, spec.stride_a)
                            : layout(spec.dtype, spec.k, spec.m, spec, spec.stride_a)),
        y_(layout(spec.result, spec.n, spec.m, spec, spec.stride_y)) {}

  void run(const ProductArgs& args) const override {
    const auto turn = handle_->queue->turn();
    if (spec_.epilogue.bias) set(operation_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, args.bias);
    if (spec_.epilogue.preactivation != Preactivation::unused) {
      set(operation_.get(), CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, args.preactivation);
    }
    if (spec_.fp8_b) {
      set(operation_.get(), CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, args.scale_b);
      set(operation_.get(), CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, args.scale_a);
    }
    const bool wide = spec_.dtype == DType::f64;
    const float one = 1, beta = spec_.epilogue.residual ? 1 : 0;
    const double wide_one = 1, wide_beta = beta;
    SUAN_CUBLAS(cublasLtMatmul(
        handle_->handle, operation_.get(), wide ? static_cast<const void*>(&wide_one) : &one,
        args.b, a_.get(), args.a, b_.get(), wide ? static_cast<const void*>(&wide_beta) : &beta,
        spec_.epilogue.residual ? args.residual : args.y, y_.get(), args.y, y_.get(),
        &algorithm_.code, algorithm_.workspace ? aligned_scratch(args.scratch) : nullptr,
        algorithm_.workspace, handle_->queue->work()));
  }

  void take(const Algorithm& algorithm) { algorithm_ = algorithm; }
  const Algorithm& algorithm() const { return algorithm_; }

  // Takes one that was chosen before, if the library still has it.
  bool take(const std::string& text) {
    Algorithm kept;
    cublasLtMatmulHeuristicResult_t result = {};
    if (!parse(text, kept.code)) return false;
    const cublasStatus_t status =
        cublas().cublasLtMatmulAlgoCheck(handle_->handle, operation_.get(), a_.get(), b_.get(),
                                         y_.get(), y_.get(), &kept.code, &result);
    const size_t most = scratch_within(spec_.scratch_bytes);
    if (status != CUBLAS_STATUS_SUCCESS || result.workspaceSize > most) return false;
    kept.workspace = result.workspaceSize;
    algorithm_ = kept;
    return true;
  }

  // What the library proposes, best first.
  std::vector<Algorithm> proposals() const {
    cublasLtMatmulPreference_t made = nullptr;
    SUAN_CUBLAS(cublasLtMatmulPreferenceCreate(&made));
    const Owned<cublasLtMatmulPreference_t> preference(made,
                                                       cublas().cublasLtMatmulPreferenceDestroy);
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t name, auto value) {
      SUAN_CUBLAS(cublasLtMatmulPreferenceSetAttribute(made, name, &value, sizeof(value)));
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
           static_cast<uint64_t>(scratch_within(spec_.scratch_bytes)));
    for (const auto name :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
      prefer(name, static_cast<uint32_t>(spec_.alignment));
    }
    cublasLtMatmulHeuristicResult_t results[kProposals] = {};
    int count = 0;
    const cublasStatus_t status = cublas().cublasLtMatmulAlgoGetHeuristic(
        handle_->handle, operation_.get(), a_.get(), b_.get(), y_.get(), y_.get(), made, kProposals,
        results, &count);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) {
      check_cublas(status, "cublasLtMatmulAlgoGetHeuristic");
    }
    std::vector<Algorithm> found;
    for (int i = 0; i < count; ++i) {
      if (results[i].state == CUBLAS_STATUS_SUCCESS) {
        found.push_back({results[i].algo, results[i].workspaceSize});
      }
    }
    return found;
  }

  // Takes the fastest on made-up operands, or the first that runs. False where none does.
  bool choose(const std::vector<Algorithm>& candidates, bool measure, Modules& modules) {
    Trial trial(*handle_->queue, modules);
    const ProductSpec& s = spec_;
    const int64_t results = extent(s, s.stride_y, s.m * s.n);
    const bool beside = s.epilogue.preactivation != Preactivation::unused;
    const ProductArgs args{
        .a = trial.made_up(s.dtype, extent(s, s.stride_a, s.m * s.k)),
        .b = trial.made_up(dtype_b(s), extent(s, s.stride_b, s.k * s.n)),
        .bias = s.epilogue.bias ? trial.made_up(s.result, s.n) : nullptr,
        .residual = s.epilogue.residual ? trial.made_up(s.result, results) : nullptr,
        .preactivation = beside ? trial.made_up(s.result, results) : nullptr,
        .y = trial.memory(static_cast<size_t>(results) * size_of(s.result)),
        .scratch = trial.memory(spec_.scratch_bytes),
        .scale_a = s.fp8_b ? trial.made_up(DType::f32, 1) : nullptr,
        .scale_b = s.fp8_b ? trial.made_up(DType::f32, 1) : nullptr};
    double best = 1e30;
    const Algorithm* fastest = nullptr;
    for (const Algorithm& candidate : candidates) {
      algorithm_ = candidate;
      const auto run = [&] { this->run(args); };
      try {
        const double seconds = measure ? trial.seconds(run) : (run(), 0.0);
        if (seconds < best) fastest = &candidate;
        best = std::min(best, seconds);
      } catch (const Error&) {  // some are proposed and then refused
        continue;
      }
      if (!measure) break;
    }
    if (fastest) algorithm_ = *fastest;
    return fastest != nullptr;
  }

 private:
  std::shared_ptr<CublasHandle> handle_;
  ProductSpec spec_;
  Owned<cublasLtMatmulDesc_t> operation_;
  Owned<cublasLtMatrixLayout_t> a_, b_, y_;  // as cuBLASLt counts: a_ describes our b
  Algorithm algorithm_;
};

// Nothing where it is unused, so that choices made before there was one stay good.
const char* text_of(Preactivation preactivation) {
  switch (preactivation) {
    case Preactivation::kept:
      return " kept";
    case Preactivation::given:
      return " given";
    default:
      return "";
  }
}

std::string key_of(const ProductSpec& s) {
  std::string key =
      fmt::format("{} {} {} {} {} {}{} {} {} {} {} {} {} {} {} {}{}", s.alignment, s.m, s.n, s.k,
                  s.batch, s.transpose_a ? 't' : 'n', s.transpose_b ? 't' : 'n', s.stride_a,
                  s.stride_b, s.stride_y, name(s.dtype), name(s.result), s.tf32 ? "tf32" : "full",
                  static_cast<int>(s.epilogue.activation), s.epilogue.bias ? "bias" : "-",
                  s.epilogue.residual ? "residual" : "-", text_of(s.epilogue.preactivation));
  if (s.fp8_b) key += fmt::format(" {}", name(*s.fp8_b));
  return key;
}

}  // namespace

std::string why_no_cublas() { return cublas().why_not; }

Products::Products(std::shared_ptr<Queue> queue, Modules& modules, const GpuTraits& traits)
    : queue_(std::move(queue)),
      modules_(modules),
      machine_(fmt::format("{} sm_{}", traits.model, traits.architecture)) {}

std::unique_ptr<Product> Products::make(const ProductSpec& spec) {
  if (!cublas().why_not.empty()) throw Error(ErrorCode::kUnsupported, "cuda", cublas().why_not);
  if (const char* what = why_unsupported(spec)) {
    fail(ErrorCode::kUnsupported, "cuda", "cuBLASLt is not asked for {}", what);
  }
  queue_->refuse_in_recording("choosing an algorithm");
  std::call_once(once_, [&] { handle_ = std::make_shared<CublasHandle>(queue_); });
  queue_->make_current();
  auto product = std::make_unique<LtProduct>(handle_, spec);
  const std::string key =
      fmt::format("{} cublasLt {} {}", machine_, cublas().cublasLtGetVersion(), key_of(spec));
  const auto kept = spec.measure ? choices_.find(key) : std::nullopt;
  if (kept && product->take(*kept)) return product;
  const std::vector<Algorithm> candidates = product->proposals();
  if (candidates.empty()) {
    fail(ErrorCode::kUnsupported, "cuda", "cuBLASLt has no algorithm for {}", key_of(spec));
  }
  const double operations = 2.0 * static_cast<double>(spec.m) * static_cast<double>(spec.n) *
                            static_cast<double>(spec.k) * static_cast<double>(spec.batch);
  try {
    if (!product->choose(candidates, spec.measure && operations >= kWorthMeasuring, modules_)) {
      fail(ErrorCode::kUnsupported, "cuda", "cuBLASLt refuses its own algorithms for {}",
           key_of(spec));
    }
  } catch (const OutOfDeviceMemory&) {  // no room to try them out
    product->take(candidates[0]);
    return product;
  }
  if (spec.measure) choices_.keep(key, text_of(product->algorithm()));
  return product;
}

}  // namespace suan::cuda
