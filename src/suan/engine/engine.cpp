// Finding, compiling and running programs.
// SPDX-License-Identifier: Apache-2.0
#include "suan/engine/engine.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

#include "suan/base/error.h"
#include "suan/base/log.h"
#include "suan/engine/internal/entry.h"
#include "suan/engine/internal/pad_plan.h"
#include "suan/tensor/compile.h"

namespace suan {
namespace {

using onnx::Value;

void describe(const Value& value, std::string& out) {
  out += to_string(value) + ';';
  if (value.kind == TypeKind::map && value.keys.buffer) {  // a graph holds for these keys alone
    out.append(value.keys.as<char>(), value.keys.bytes());
  }
  for (const Value& item : value.items) describe(item, out);
}

// The tensors in some arguments, and what else tells programs for them apart.
struct Flat {
  explicit Flat(const std::vector<Value>& arguments, bool with_data = false) {
    for (const Value& value : arguments) {
      if (value.kind != TypeKind::tensor || !value.tensor) structured = true;
      for_each_tensor(value, [&](const Tensor& t) {
        types.push_back(t.type());
        if (!with_data) return;
        const Array array = t.array();
        tensors.push_back({t.type(), array.buffer->data(), array.bytes(), array.buffer});
      });
    }
    if (!structured) return;
    for (const Value& value : arguments) describe(value, structure);
  }
  std::vector<Type> types;
  std::vector<Binding> tensors;
  std::string structure;
  bool structured = false;
};

// Where results were computed: the caller's memory, or the block of a context.
void check_result(const Binding& result, size_t index) {
  if (!result.data || result.bytes >= result.type.bytes()) return;
  fail("output", "{} is {} and takes {} bytes, got memory for {}", index, to_string(result.type),
       result.type.bytes(), result.bytes);
}

void* padded(BufferPtr& block, const Binding& from, const Type& to) {
  if (!block) block = Buffer::allocate(to.bytes());
  std::memset(block->data(), 0, to.bytes());
  copy_corner(from.data, from.type.shape, block->data(), to.shape, size_of(to.dtype));
  return block->data();
}

void take_result(Binding& result, const Type& computed, const BufferPtr& block) {
  if (result.type == computed && !result.data) {
    result.block = block;
  } else {
    if (!result.data) result.block = Buffer::allocate(result.type.bytes());
    void* to = result.data ? result.data : result.block->data();
    copy_corner(block->data(), computed.shape, to, result.type.shape, size_of(computed.dtype));
  }
  if (result.data) return;
  result.data = result.block->data();
  result.bytes = result.block->bytes();
}

void run_entry(Entry& entry, const PadPlan& plan, std::span<const Type> types,
               std::span<const Binding> arguments, std::span<Binding> results) {
  const bool exact = std::equal(types.begin(), types.end(), entry.types.begin());
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].type = entry.results[i];
    if (!exact) results[i].type.shape = plan.cut(i, entry.results[i], entry.types, types);
    check_result(results[i], i);
  }
  const Lease lane(entry);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Type& wanted = entry.types[i];
    lane->inputs[i] =
        types[i] == wanted ? arguments[i].data : padded(lane->padded[i], arguments[i], wanted);
  }
  for (size_t i = 0; i < results.size(); ++i) {
    lane->outputs[i] = results[i].type == entry.results[i] ? results[i].data : nullptr;
  }
  const auto blocks = lane->context.run_on(lane->inputs, lane->outputs);
  for (size_t i = 0; i < results.size(); ++i) {
    if (!lane->outputs[i]) take_result(results[i], entry.results[i], blocks[i]);
  }
}

void settle_optional(PadPlan& plan, std::span<const Type> types, const PadPlan::Trace& trace) {
  try {
    plan.settle(types, trace, true);
  } catch (const Error& error) {
    log(LogLevel::kInfo, "engine: every first size gets a program of its own: {}", error.what());
    plan.drop_optional();
  }
}

EntryPtr make_entry(std::vector<Type> types, std::vector<Value> values, ProgramPtr program) {
  auto entry = std::make_shared<Entry>();
  entry->types = std::move(types);
  entry->values = std::move(values);
  entry->program = std::move(program);
  for (Value& value : entry->values) {  // their own graph is not needed any more
    for_each_tensor(value, [&](Tensor& t) {
      entry->results.push_back(t.type());
      t = make_input(t.type(), "");
    });
  }
  entry->give(std::make_unique<Lane>(entry->program));
  return entry;
}

}  // namespace

struct Engine::Job {
  std::vector<Type> types;
  EntryPtr entry;  // null: it failed
};

Engine::Engine(std::shared_ptr<const onnx::Model> model, EngineOptions options)
    : model_(std::move(model)),
      options_(std::move(options)),
      inputs_(model_->inputs()),
      outputs_(model_->outputs()),
      plan_(std::make_shared<PadPlan>(options_.pad, inputs_, options_.batch_buckets)),
      beside_(options_.background) {}
Engine::Engine(std::vector<onnx::Argument> inputs, std::vector<onnx::Argument> outputs,
               EngineOptions options)
    : options_(std::move(options)),
      inputs_(std::move(inputs)),
      outputs_(std::move(outputs)),
      plan_(std::make_shared<PadPlan>()),
      beside_(false) {}
Engine::~Engine() = default;

EntryPtr Engine::exact(const Signature& s) const {
  for (const EntryPtr& entry : entries_) {
    if (entry->structure == s.structure &&
        std::equal(entry->types.begin(), entry->types.end(), s.types.begin(), s.types.end())) {
      return entry;
    }
  }
  return nullptr;
}

// The program that serves these types with the least padding. Unless it is the right bucket's, that
// one is compiled: beside, or by the caller, who gets null.
EntryPtr Engine::serving(std::span<const Type> types) {
  EntryPtr best;
  double least = std::numeric_limits<double>::infinity(), padding = 0;
  for (const EntryPtr& entry : entries_) {
    if (!entry->program || !entry->structure.empty()) continue;
    if (!plan_->serves(entry->types, types, padding) || padding >= least) continue;
    best = entry;
    least = padding;
  }
  if (!best || plan_->is_bucket(best->types, types)) return best;
  if (!options_.background) return nullptr;
  if (beside_ && !job_) compile_beside(plan_->with(types, plan_->buckets(types)));
  return best;
}

EntryPtr Engine::lookup(const Signature& s) {
  collect();
  EntryPtr entry = exact(s);
  if (!entry && s.structure.empty() && !plan_->empty() && plan_->fits(s.types))
    entry = serving(s.types);
  if (entry) entry->used = ++clock_;
  return entry;
}

bool Engine::can_pad(const Signature& s) const {
  const std::lock_guard lock(mutex_);
  return s.structure.empty() && !plan_->empty() && plan_->fits(s.types);
}

Engine::Found Engine::find(const Signature& s, const std::vector<Value>* arguments) {
  {
    const std::lock_guard lock(mutex_);
    if (EntryPtr entry = lookup(s)) return {entry, plan_};
  }
  const std::lock_guard compiling(compile_mutex_);
  const bool pads = can_pad(s);
  if (pads) settle(s.types);
  std::shared_ptr<const PadPlan> plan;
  {
    const std::lock_guard lock(mutex_);  // while this thread waited, another may have compiled it
    if (EntryPtr entry = lookup(s)) return {entry, plan_};
    plan = plan_;
  }
  EntryPtr entry;
  if (pads && !plan->empty()) {
    const Sizes sizes = options_.background ? plan->largest(s.types) : plan->buckets(s.types);
    entry = compile(plan->with(s.types, sizes), *plan);
  } else {
    entry = compile({s.types.begin(), s.types.end()}, std::string(s.structure),
                    s.structure.empty() ? onnx::placeholders(s.types) : *arguments);
  }
  const std::lock_guard lock(mutex_);
  insert(entry);
  return {entry, plan_};
}

// Makes the plan's proofs when they are first needed: the one nobody asked for when a second set of
// types comes.
void Engine::settle(std::span<const Type> types) {
  PadPlan plan;
  bool second = false;
  {
    const std::lock_guard lock(mutex_);
    plan = *plan_;
    second = !entries_.empty();
  }
  if (plan.settled(false) && (!second || plan.settled(true))) return;
  const auto trace = [&](const std::vector<Type>& t) {
    return model_->specialise(onnx::placeholders(t));
  };
  try {
    if (!plan.settled(false)) plan.settle(types, trace, false);
    if (second && !plan.settled(true)) settle_optional(plan, types, trace);
  } catch (const onnx::DataDependent&) {
    plan = PadPlan();  // no programs, no padding
  }
  const std::lock_guard lock(mutex_);
  plan_ = std::make_shared<PadPlan>(std::move(plan));
}

EntryPtr Engine::compile(std::vector<Type> types, std::string structure,
                         const std::vector<Value>& arguments) const {
  if (!model_) {
    std::string got;
    for (const Type& type : types) got += (got.empty() ? "" : ", ") + to_string(type);
    fail(ErrorCode::kUnsupported, "engine", "there is no program for {}, and no model to compile",
         got);
  }
  try {
    onnx::Specialised specialised = model_->specialise(arguments);
    ProgramOptions building = options_.program();
    building.memory_limit = model_->limits().memory;
    const ProgramPtr program = Program::build(specialised.graph, current_backend(), building);
    EntryPtr entry = make_entry(std::move(types), std::move(specialised.outputs), program);
    entry->structure = std::move(structure);
    return entry;
  } catch (const onnx::DataDependent& error) {
    auto entry = std::make_shared<Entry>();
    entry->types = std::move(types);
    entry->structure = std::move(structure);
    entry->reason = error.what();
    return entry;
  }
}

EntryPtr Engine::compile(std::vector<Type> types, const PadPlan& plan) const {
  const std::vector<Value> arguments = onnx::placeholders(types);
  EntryPtr entry = compile(std::move(types), "", arguments);
  if (entry->program) plan.check(entry->types, entry->results);
  return entry;
}

void Engine::compile_beside(std::vector<Type> types) {
  job_ = std::make_shared<Job>();
  job_->types = std::move(types);
  const auto work = [this, job = job_, plan = plan_] {
    try {
      job->entry = compile(job->types, *plan);
    } catch (const std::exception& error) {
      log(LogLevel::kWarning, "engine: compiling beside requests failed: {}", error.what());
    }
  };
  beside_ = background_.start(work);
  if (!beside_) job_ = nullptr;
}

void Engine::collect() {
  if (!job_ || background_.busy()) return;
  const auto job = std::move(job_);
  job_ = nullptr;
  beside_ = job->entry != nullptr;  // what failed once is not tried again
  if (beside_ && !exact({job->entry->types, ""})) insert(job->entry);
}

void Engine::insert(EntryPtr entry) {
  entry->used = ++clock_;
  entries_.push_back(std::move(entry));
  while (entries_.size() > std::max<size_t>(1, options_.programs)) {
    entries_.erase(
        std::min_element(entries_.begin(), entries_.end(),
                         [](const EntryPtr& a, const EntryPtr& b) { return a->used < b->used; }));
  }
}

void Engine::add(std::vector<Type> types, std::vector<Value> outputs, ProgramPtr program) {
  if (!program->graph().updates.empty()) {
    fail("engine", "the program updates states, expected one that does not");
  }
  EntryPtr entry = make_entry(std::move(types), std::move(outputs), std::move(program));
  const std::lock_guard lock(mutex_);
  insert(std::move(entry));
}

size_t Engine::programs() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void Engine::finish_background() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      collect();
      if (!job_) return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

std::vector<Value> Engine::interpret(const std::vector<Value>& arguments) const {
  if (!model_) fail(ErrorCode::kUnsupported, "engine", "there is no model to interpret");
  return model_->interpret(arguments);
}

void Engine::interpret(std::span<const Binding> arguments, std::span<Binding> results) const {
  std::vector<Value> values;
  for (const Binding& a : arguments) {
    values.emplace_back(make_constant(a.type, Buffer::borrow(a.data, a.bytes, {})));
  }
  std::vector<Tensor> tensors;
  for (const Value& value : interpret(values)) {
    for_each_tensor(value, [&](const Tensor& t) { tensors.push_back(t); });
  }
  if (tensors.size() != results.size()) {
    fail("output", "got {} bindings, expected {}", results.size(), tensors.size());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].type = tensors[i].type();
    check_result(results[i], i);
    take_result(results[i], tensors[i].type(), tensors[i].array().buffer);
  }
}

std::vector<Value> Engine::run(const std::vector<Value>& arguments) {
  if (options_.interpret) return interpret(arguments);
  const Flat flat(arguments, true);
  const Found found = find({flat.types, flat.structure}, &arguments);
  if (!found.entry->program) return interpret(arguments);
  std::vector<Binding> results(found.entry->results.size());
  run_entry(*found.entry, *found.plan, flat.types, flat.tensors, results);
  std::vector<Value> outputs = found.entry->values;
  size_t next = 0;
  for (Value& value : outputs) {
    for_each_tensor(value, [&](Tensor& t) {
      t = make_constant(results[next].type, results[next].block);
      ++next;
    });
  }
  return outputs;
}

void Engine::run(std::span<const Binding> arguments, std::span<Binding> results) {
  if (arguments.size() != inputs_.size()) {
    fail("input", "got {} values, expected {}", arguments.size(), inputs_.size());
  }
  thread_local std::vector<Type> types;  // keeps its memory from run to run
  types.clear();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Binding& a = arguments[i];
    types.push_back(a.type);
    if ((a.data || a.type.bytes() == 0) && a.bytes >= a.type.bytes()) continue;
    fail("input", "'{}' is {} and takes {} bytes, got {}", inputs_[i].name, to_string(a.type),
         a.type.bytes(), a.data ? a.bytes : 0);
  }
  if (options_.interpret) return interpret(arguments, results);
  const Found found = find({types, ""}, nullptr);
  if (!found.entry->program) return interpret(arguments, results);
  if (results.size() != found.entry->results.size()) {
    fail("output", "got {} bindings, expected {}", results.size(), found.entry->results.size());
  }
  run_entry(*found.entry, *found.plan, types, arguments, results);
}

void Engine::prepare() {
  std::vector<Type> types;
  {
    const std::lock_guard lock(mutex_);
    types = plan_->bounds();
  }
  if (!types.empty() && !options_.interpret) find({types, ""}, nullptr);
}

ProgramPtr Engine::program(const std::vector<Value>& arguments) {
  if (options_.interpret) return nullptr;
  const Flat flat(arguments);
  return find({flat.types, flat.structure}, &arguments).entry->program;
}

std::string Engine::interpreted_because(const std::vector<Value>& arguments) {
  if (options_.interpret) return "it was asked to";
  const Flat flat(arguments);
  return find({flat.types, flat.structure}, &arguments).entry->reason;
}

}  // namespace suan
