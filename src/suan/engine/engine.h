// Engine: a model made ready to run. It compiles a program for each set of argument types on first
// use, keeps those used last, and pads arguments so that nearby sizes share one. Any number of
// threads may run it at once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "suan/engine/background.h"
#include "suan/engine/padding.h"
#include "suan/formats/onnx/model.h"
#include "suan/program/program.h"

namespace suan {

struct Entry;
class PadPlan;

struct EngineOptions {
  Arithmetic precision = Arithmetic::f32;
  bool interpret = false;     // never compile
  size_t programs = 32;       // kept at most; the one unused for longest goes
  size_t memory_budget = 0;   // bytes of activations, as in ProgramOptions; 0: no limit
  bool small_memory = false;  // as in ProgramOptions
  std::vector<PadRule> pad;   // axes to pad
  bool batch_buckets = true;  // pad the first axis too, where it is proven independent
  // Arguments that a program for larger ones can serve do not wait for a better program: it is
  // compiled beside. False: it is compiled at once.
  bool background = true;
  std::vector<std::string> without = {};  // passes to leave out, by name
  // Of a model file that load() reads, and of programs; a model that was read has its own.
  onnx::Limits limits = {};

  ProgramOptions program() const {
    return {.precision = precision,
            .memory_budget = memory_budget,
            .memory_limit = limits.memory,
            .small_memory = small_memory,
            .without = without};
  }
};

// An argument or a result in the caller's memory, row-major.
struct Binding {
  Type type;             // set by the run for a result
  void* data = nullptr;  // of a result; null: the engine allocates it
  size_t bytes = 0;      // how much memory there is
  BufferPtr block;       // holds `data` where the engine allocated it
};

class Engine {
 public:
  // Throws Error for pad rules that do not fit the model.
  explicit Engine(std::shared_ptr<const onnx::Model> model, EngineOptions options = {});
  // An engine for programs that are ready: see add(). It compiles nothing.
  Engine(std::vector<onnx::Argument> inputs, std::vector<onnx::Argument> outputs,
         EngineOptions options = {});
  // An engine for a model file: ONNX, or an engine file (engine/engine_file.h). The file must stay
  // as it is while the engine lives: large weights are read from it when they are wanted.
  static std::unique_ptr<Engine> load(const std::string& path, EngineOptions options = {});
  ~Engine();

  const std::vector<onnx::Argument>& inputs() const { return inputs_; }
  const std::vector<onnx::Argument>& outputs() const { return outputs_; }
  Arithmetic precision() const { return options_.precision; }

  // The outputs for these arguments, one per input.
  std::vector<onnx::Value> run(const std::vector<onnx::Value>& arguments);
  // The same for tensors in the caller's memory, which must not overlap. With memory for all
  // results, a run whose program is there allocates nothing. Throws Error where memory is too
  // small.
  void run(std::span<const Binding> arguments, std::span<Binding> results);

  // Compiles the program of the pad rules' bounds, with a batch of 1 where that is open, so that no
  // request has to wait for it; nothing where another size is open too.
  void prepare();
  // The program that would run these arguments now, compiled where there is none; null: they are
  // interpreted.
  ProgramPtr program(const std::vector<onnx::Value>& arguments);
  // Why these arguments are interpreted; empty: they are not.
  std::string interpreted_because(const std::vector<onnx::Value>& arguments);

  // Takes a program for tensors of these types; `outputs` are the model's, made of tensors of the
  // types that the program gives, in its order. It may not update states.
  void add(std::vector<Type> types, std::vector<onnx::Value> outputs, ProgramPtr program);
  size_t programs() const;   // how many are kept
  void finish_background();  // waits for what is being compiled beside requests

 private:
  struct Signature {
    std::span<const Type> types;
    std::string_view structure;  // empty: all arguments are tensors
  };
  struct Found {
    std::shared_ptr<Entry> entry;
    std::shared_ptr<const PadPlan> plan;
  };
  struct Job;

  Found find(const Signature& signature, const std::vector<onnx::Value>* arguments);
  std::shared_ptr<Entry> lookup(const Signature& signature);
  std::shared_ptr<Entry> exact(const Signature& signature) const;
  std::shared_ptr<Entry> serving(std::span<const Type> types);
  bool can_pad(const Signature& signature) const;
  void settle(std::span<const Type> types);
  std::shared_ptr<Entry> compile(std::vector<Type> types, const PadPlan& plan) const;
  std::shared_ptr<Entry> compile(std::vector<Type> types, std::string structure,
                                 const std::vector<onnx::Value>& arguments) const;
  void compile_beside(std::vector<Type> types);
  void collect();
  void insert(std::shared_ptr<Entry> entry);
  std::vector<onnx::Value> interpret(const std::vector<onnx::Value>& arguments) const;
  void interpret(std::span<const Binding> arguments, std::span<Binding> results) const;

  const std::shared_ptr<const onnx::Model> model_;  // null: all programs were added
  const EngineOptions options_;
  std::vector<onnx::Argument> inputs_, outputs_;
  std::mutex compile_mutex_;  // held while a request compiles
  mutable std::mutex mutex_;  // of all below; never held for long
  std::shared_ptr<const PadPlan> plan_;
  std::vector<std::shared_ptr<Entry>> entries_;
  uint64_t clock_ = 0;
  std::shared_ptr<Job> job_;  // what is being compiled beside requests
  bool beside_ = true;
  Background background_;  // the last member: its threads end first
};

}  // namespace suan
