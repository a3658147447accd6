// The C interface over Engine: every function turns what is thrown into a status and a message.
// SPDX-License-Identifier: Apache-2.0
#include "bindings/c/suan.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <new>
#include <string>

#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/engine/engine.h"
#include "suan/target/machine.h"

using suan::Binding;
using suan::DType;
using suan::ErrorCode;
using suan::fail;

namespace {

// What C sees of an input or output; the strings have to live somewhere.
struct Described {
  std::string name;
  suan::TypeKind kind = suan::TypeKind::tensor;
  suan_dtype dtype = SUAN_UNKNOWN;
  int32_t rank = -1;
  std::vector<int64_t> dims;
  std::vector<std::string> symbols;
};

struct Code {
  suan_dtype code;
  DType dtype;
};
constexpr Code kCodes[] = {
    {SUAN_F32, DType::f32},
    {SUAN_U8, DType::u8},
    {SUAN_I8, DType::i8},
    {SUAN_U16, DType::u16},
    {SUAN_I16, DType::i16},
    {SUAN_I32, DType::i32},
    {SUAN_I64, DType::i64},
    {SUAN_BOOL, DType::boolean},
    {SUAN_F16, DType::f16},
    {SUAN_F64, DType::f64},
    {SUAN_U32, DType::u32},
    {SUAN_U64, DType::u64},
    {SUAN_BF16, DType::bf16},
    {SUAN_F8E4M3FN, DType::f8e4m3fn},
    {SUAN_F8E4M3FNUZ, DType::f8e4m3fnuz},
    {SUAN_F8E5M2, DType::f8e5m2},
    {SUAN_F8E5M2FNUZ, DType::f8e5m2fnuz},
    {SUAN_U4, DType::u4},
    {SUAN_I4, DType::i4},
    {SUAN_F4E2M1, DType::f4e2m1},
    {SUAN_F8E8M0, DType::f8e8m0},
    {SUAN_U2, DType::u2},
    {SUAN_I2, DType::i2},
    {SUAN_F6E2M3, DType::f6e2m3},
    {SUAN_F6E3M2, DType::f6e3m2},
};
static_assert(std::size(kCodes) + 1 == suan::kNumDTypes);  // all but texts

suan_dtype code_of(DType dtype, const std::string& name) {
  for (const Code& c : kCodes) {
    if (c.dtype == dtype) return c.code;
  }
  fail(ErrorCode::kUnsupported, "suan.h", "'{}' is a tensor of texts", name);
}
DType dtype_of(suan_dtype code) {
  for (const Code& c : kCodes) {
    if (c.code == code) return c.dtype;
  }
  fail("suan.h", "there is no dtype {}", static_cast<int>(code));
}

Described describe(const suan::onnx::Argument& argument) {
  Described d{.name = argument.name, .kind = argument.kind};
  if (argument.typed && argument.dtype != DType::string) {
    d.dtype = code_of(argument.dtype, argument.name);
  }
  if (!argument.ranked) return d;
  d.rank = argument.shape.rank();
  for (int64_t size : argument.shape) {
    d.dims.push_back(std::max<int64_t>(size, -1));
    d.symbols.push_back(size < 0 ? suan::symbol_name(size) : "");
  }
  return d;
}

thread_local std::string last_error;

template <class F>
suan_status guarded(const F& f) noexcept {
  suan_status status = SUAN_SYSTEM;
  try {
    try {
      f();
      return SUAN_OK;
    } catch (const suan::Error& error) {
      status = static_cast<suan_status>(static_cast<int>(error.code()) + 1);
      last_error = error.what();
    } catch (const std::bad_alloc&) {
      last_error = "memory: there is not enough";
    } catch (const std::exception& error) {
      last_error = error.what();
    }
  } catch (...) {  // no memory for the message
    status = SUAN_SYSTEM;
  }
  return status;
}
static_assert(static_cast<int>(ErrorCode::kInvalidArgument) + 1 == SUAN_INVALID_ARGUMENT);
static_assert(static_cast<int>(ErrorCode::kCancelled) + 1 == SUAN_CANCELLED);

void expect(const void* pointer, const char* what) {
  if (!pointer) fail("suan.h", "{} is NULL", what);
}

// Copies what both sides know of a struct that begins with its size.
template <class T>
void give(const T& from, T* to) {
  const size_t size = to->size;
  if (size < sizeof(size_t)) fail("suan.h", "a struct says its size is {}", size);
  std::memcpy(to, &from, std::min(size, sizeof(T)));
  to->size = size;
}

suan::Arithmetic precision_of(suan_dtype code) {
  if (code == SUAN_AUTO) return suan::fast_precision();
  const DType precision = dtype_of(code);
  if (precision != DType::f32 && precision != DType::bf16) {
    fail("suan.h", "the precision is {}, expected f32, bf16 or auto", name(precision));
  }
  return precision == DType::bf16 ? suan::Arithmetic::bf16 : suan::Arithmetic::f32;
}

template <class Option, class Limit>
void take_limit(const char* name, Option given, Limit& limit) {
  if (!(given >= 0) || given > std::numeric_limits<Limit>::max()) {
    fail("suan.h", "{} is {}, expected a number from 0 to {}", name, given,
         std::numeric_limits<Limit>::max());
  }
  if (given != 0) limit = static_cast<Limit>(given);
}

suan::onnx::Limits limits_of(const suan_options& options) {
  suan::onnx::Limits limits;
  take_limit("memory_limit", options.memory_limit, limits.memory);
  take_limit("file_limit", options.file_limit, limits.file_bytes);
  take_limit("value_limit", options.value_limit, limits.value_bytes);
  take_limit("flops_limit", options.flops_limit, limits.flops);
  take_limit("loop_limit", options.loop_limit, limits.loop);
  take_limit("node_limit", options.node_limit, limits.nodes);
  take_limit("compile_limit", options.compile_limit, limits.recorded);
  take_limit("depth_limit", options.depth_limit, limits.depth);
  return limits;
}

suan::EngineOptions engine_options(const suan_options& options) {
  suan::EngineOptions out;
  out.precision = precision_of(options.precision);
  out.limits = limits_of(options);
  out.interpret = options.interpret != 0;
  out.small_memory = options.small_memory != 0;
  if (options.programs) out.programs = options.programs;
  std::string_view rules = options.pad ? options.pad : "";
  while (!rules.empty()) {
    const size_t end = std::min(rules.find(','), rules.size());
    out.pad.push_back(suan::parse_pad_rule(rules.substr(0, end)));
    rules.remove_prefix(std::min(end + 1, rules.size()));
  }
  return out;
}

}  // namespace

struct suan_engine {
  explicit suan_engine(const char* path, const suan::EngineOptions& options)
      : engine(suan::Engine::load(path, options)) {
    for (const auto& argument : engine->inputs()) inputs.push_back(describe(argument));
    for (const auto& argument : engine->outputs()) outputs.push_back(describe(argument));
  }
  size_t input(const char* name) const {
    expect(name, "the name");
    return index_of(engine->inputs(), name, "suan.h");
  }
  size_t output(const char* name) const {
    expect(name, "the name");
    return index_of(engine->outputs(), name, "suan.h", "output");
  }

  const std::unique_ptr<suan::Engine> engine;
  std::vector<Described> inputs, outputs;
};

struct suan_request {
  explicit suan_request(suan_engine& owner)
      : owner(owner),
        inputs(owner.inputs.size()),
        wanted(owner.outputs.size()),
        outputs(owner.outputs.size()) {}
  suan_engine& owner;
  std::vector<Binding> inputs;
  std::vector<Binding> wanted;   // outputs as they were bound
  std::vector<Binding> outputs;  // of the last run
  bool has_run = false;
};

namespace {

suan_status describe(const suan_engine* engine, size_t index, suan_tensor_info* info, bool input) {
  return guarded([&] {
    expect(engine, "the engine");
    expect(info, "the description");
    const auto& all = input ? engine->inputs : engine->outputs;
    if (index >= all.size()) {
      fail("suan.h", "there is no {} {}, the model has {}", input ? "input" : "output", index,
           all.size());
    }
    const Described& d = all[index];
    if (d.kind != suan::TypeKind::tensor) {
      fail(ErrorCode::kUnsupported, "suan.h", "'{}' is a sequence, optional or map", d.name);
    }
    suan_tensor_info out{};
    out.name = d.name.c_str();
    out.dtype = d.dtype;
    out.rank = d.rank;
    for (size_t i = 0; i < d.dims.size(); ++i) {
      out.dims[i] = d.dims[i];
      out.symbols[i] = d.symbols[i].empty() ? nullptr : d.symbols[i].c_str();
    }
    give(out, info);
  });
}

// The type that a caller gives for an input, checked against the model's.
suan::Type input_type(const suan::onnx::Argument& argument, const Described& input,
                      suan_dtype dtype, int32_t rank, const int64_t* dims) {
  if (rank < 0 || rank > SUAN_MAX_RANK) {
    fail("suan.h", "'{}' has the rank {}, expected 0 to {}", input.name, rank, SUAN_MAX_RANK);
  }
  if (rank) expect(dims, "the sizes");
  const suan::Shape shape(std::span<const int64_t>(dims, static_cast<size_t>(rank)));
  const suan::Type type(dtype_of(dtype), shape);
  if (!accepts(argument, type) || !shape.is_concrete() || !shape.fits_memory()) {
    std::string expected = input.dtype ? std::string(name(dtype_of(input.dtype))) : "any dtype";
    for (size_t i = 0; i < input.dims.size(); ++i) {
      expected +=
          (i ? ", " : "[") + (input.dims[i] < 0 ? input.symbols[i] : std::to_string(input.dims[i]));
    }
    if (input.rank > 0) expected += ']';
    fail("suan.h", "'{}' is {}, expected {}", input.name, to_string(type), expected);
  }
  return type;
}

}  // namespace

const char* suan_version() { return SUAN_VERSION; }
const char* suan_last_error() { return last_error.c_str(); }

void suan_options_init_sized(suan_options* options, size_t size) {
  suan_options defaults{};
  defaults.size = size;
  defaults.precision = SUAN_F32;
  if (options) std::memcpy(options, &defaults, std::min(size, sizeof(defaults)));
}

suan_status suan_load(const char* path, const suan_options* options, suan_engine** engine) {
  return guarded([&] {
    expect(static_cast<const void*>(engine), "the place of the engine");
    *engine = nullptr;
    expect(path, "the path");
    suan_options all;
    suan_options_init(&all);
    if (options) {
      if (options->size < sizeof(size_t)) fail("suan.h", "the options say no size");
      std::memcpy(&all, options, std::min(options->size, sizeof(all)));
    }
    if (all.threads) suan::set_num_threads(all.threads);
    auto loaded = std::make_unique<suan_engine>(path, engine_options(all));
    loaded->engine->prepare();
    *engine = loaded.release();
  });
}
void suan_engine_destroy(suan_engine* engine) { delete engine; }

size_t suan_input_count(const suan_engine* engine) { return engine ? engine->inputs.size() : 0; }
size_t suan_output_count(const suan_engine* engine) { return engine ? engine->outputs.size() : 0; }
suan_status suan_describe_input(const suan_engine* engine, size_t index, suan_tensor_info* info) {
  return describe(engine, index, info, true);
}
suan_status suan_describe_output(const suan_engine* engine, size_t index, suan_tensor_info* info) {
  return describe(engine, index, info, false);
}

suan_status suan_request_create(suan_engine* engine, suan_request** request) {
  return guarded([&] {
    expect(static_cast<const void*>(request), "the place of the request");
    *request = nullptr;
    expect(engine, "the engine");
    *request = new suan_request(*engine);
  });
}
void suan_request_destroy(suan_request* request) { delete request; }

suan_status suan_bind_input(suan_request* request, const char* name, suan_dtype dtype, int32_t rank,
                            const int64_t* dims, const void* data, size_t bytes) {
  return guarded([&] {
    expect(request, "the request");
    const size_t i = request->owner.input(name);
    const suan::Type type =
        input_type(request->owner.engine->inputs()[i], request->owner.inputs[i], dtype, rank, dims);
    if (type.bytes()) expect(data, "the data");
    if (bytes < type.bytes()) {
      fail("suan.h", "'{}' is {} and takes {} bytes, got {}", name, to_string(type), type.bytes(),
           bytes);
    }
    void* readable = const_cast<void*>(data);  // NOLINT: runs only read it
    request->inputs[i] = {type, readable, bytes, nullptr};
  });
}
suan_status suan_bind_output(suan_request* request, const char* name, void* data, size_t bytes) {
  return guarded([&] {
    expect(request, "the request");
    const size_t i = request->owner.output(name);
    request->wanted[i].data = data;
    request->wanted[i].bytes = data ? bytes : 0;
  });
}

suan_status suan_run(suan_request* request) {
  return guarded([&] {
    expect(request, "the request");
    request->has_run = false;
    for (size_t i = 0; i < request->inputs.size(); ++i) {
      const Binding& input = request->inputs[i];
      if (input.data || input.type.bytes() == 0) continue;
      fail("suan.h", "the input '{}' is not bound", request->owner.inputs[i].name);
    }
    for (size_t i = 0; i < request->wanted.size(); ++i) request->outputs[i] = request->wanted[i];
    request->owner.engine->run(request->inputs, request->outputs);
    request->has_run = true;
  });
}

suan_status suan_output(const suan_request* request, const char* name, suan_tensor* tensor) {
  return guarded([&] {
    expect(request, "the request");
    expect(tensor, "the place of the tensor");
    const size_t i = request->owner.output(name);
    if (!request->has_run) fail("suan.h", "the request has no results: it has not run");
    const Binding& output = request->outputs[i];
    suan_tensor out{};
    out.dtype = code_of(output.type.dtype, name);
    out.rank = output.type.shape.rank();
    std::copy(output.type.shape.begin(), output.type.shape.end(), out.dims);
    out.data = output.data;
    out.bytes = output.type.bytes();
    give(out, tensor);
  });
}
