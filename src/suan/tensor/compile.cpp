// Compiled functions: cache of programs by signature, and the calls.
// SPDX-License-Identifier: Apache-2.0
#include "suan/tensor/compile.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "suan/backend/kernel.h"
#include "suan/base/error.h"
#include "suan/base/threads.h"
#include "suan/program/choice.h"
#include "suan/program/program.h"
#include "suan/tensor/trace_function.h"

namespace suan {
namespace {

std::atomic<const Backend*> backend_setting{nullptr};

}  // namespace

void set_backend(std::string_view name) {
  if (name == "cpu") {
    backend_setting = &cpu_backend();
  } else if (name == "reference") {
    backend_setting = &reference_backend();
  } else if (name == "null") {
    backend_setting = &null_backend();
  } else if (name == "cuda-null") {
    backend_setting = &cuda_null_backend();
  } else if (name.starts_with("cuda")) {
    backend_setting = &cuda_backend(name);
  } else {
    fail("backend",
         "there is no backend '{}', expected cpu, cuda, cuda:1, cuda-null, reference or "
         "null",
         name);
  }
}
void set_backend(const Backend& backend) { backend_setting = &backend; }

const Backend& current_backend() {
  const Backend* backend = backend_setting.load();
  return backend ? *backend : cpu_backend();
}

struct CompiledFunction::Impl {
  struct Entry {
    std::vector<Type> types;
    std::vector<Trace::Guard> guards;
    std::vector<std::string> specialisations;
    const Backend* backend;
    int threads;
    bool exact, reproducible;
    std::vector<std::pair<StatePtr, Type>> states;
    std::unique_ptr<RunContext> context;

    bool fits(const std::vector<Tensor>& args) const {
      if (args.size() != types.size() || backend != &current_backend() ||
          threads != num_threads() || exact != exact_mode() ||
          reproducible != reproducible_mode()) {
        return false;
      }
      for (size_t i = 0; i < args.size(); ++i) {
        if (!(args[i].type() == types[i])) return false;
      }
      for (const Trace::Guard& g : guards) {
        if (*g.flag != g.value) return false;
      }
      // The plan has memory for states of the types that were traced.
      return std::all_of(states.begin(), states.end(),
                         [](const auto& s) { return s.first->type() == s.second; });
    }
  };
  Traced function;
  CompileOptions options;
  std::vector<Entry> entries;
  std::vector<BufferPtr> blocks;
  std::mutex mutex;
  int compile_count = 0;

  Entry& entry(const std::vector<Tensor>& args) {
    for (Entry& e : entries) {
      if (e.fits(args)) return e;
    }
    Entry e;
    for (const Tensor& arg : args) e.types.push_back(arg.type());
    TracedFunction traced = trace_function(function, e.types);
    e.guards = std::move(traced.guards);
    e.specialisations = std::move(traced.specialisations);
    ++compile_count;
    verify(traced.graph);
    e.backend = &current_backend();
    e.threads = num_threads();
    e.exact = exact_mode();
    e.reproducible = reproducible_mode();
    e.context = std::make_unique<RunContext>(
        Program::build(traced.graph, *e.backend,
                       {.precision = options.precision, .memory_budget = options.memory_budget}));
    for (const PlannedState& s : e.context->program().plan().states) {
      e.states.emplace_back(s.state, s.state->type());
    }
    entries.push_back(std::move(e));
    return entries.back();
  }
};

CompiledFunction::CompiledFunction(Traced function, CompileOptions options)
    : impl_(std::make_unique<Impl>()) {
  impl_->options = options;
  impl_->function = std::move(function);
}
CompiledFunction::~CompiledFunction() = default;
CompiledFunction::CompiledFunction(CompiledFunction&&) noexcept = default;
int CompiledFunction::compile_count() const { return impl_->compile_count; }

ProgramPtr CompiledFunction::program(const std::vector<Tensor>& args) {
  const RunContext& context = *impl_->entry(args).context;
  return ProgramPtr(&context.program(), [](const Program*) {});
}
std::vector<std::string> CompiledFunction::specialisations(const std::vector<Tensor>& args) {
  return impl_->entry(args).specialisations;
}
RunContext& CompiledFunction::context(const std::vector<Tensor>& args) {
  return *impl_->entry(args).context;
}

std::vector<Tensor> CompiledFunction::operator()(const std::vector<Tensor>& args) {
  if (Trace::current()) return impl_->function(args);  // inside another trace: part of it
  const std::lock_guard lock(impl_->mutex);
  Impl::Entry& entry = impl_->entry(args);
  impl_->blocks.clear();
  for (const Tensor& arg : args) impl_->blocks.push_back(arg.array().buffer);
  const auto outputs = entry.context->run(impl_->blocks);
  std::vector<Tensor> results;
  const Graph& graph = entry.context->program().graph();
  for (size_t i = 0; i < outputs.size(); ++i) {
    results.push_back(make_constant(graph.outputs[i].type(), outputs[i]));
  }
  return results;
}

std::vector<Tensor> grad(const Tensor& loss, const std::vector<Tensor>& inputs) {
  return gradients(loss, inputs);
}
std::vector<Tensor> grad(const Tensor& loss, const std::vector<StatePtr>& states) {
  std::vector<Tensor> values;
  for (const StatePtr& state : states) values.push_back(state->read());
  return gradients(loss, values);
}

}  // namespace suan
