// What a program consists of, for people: its steps, their cost, the kernel that runs each and why
// better ones do not, and where its memory goes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "suan/program/program.h"

namespace suan {

// One kernel call of a program.
struct StepInfo {
  std::string what;    // "conv2d", "fused add relu"
  std::string from;    // the nodes of a model that it computes; empty: nobody named them
  std::string type;    // of the first output: "f32[64, 32, 28, 28]"
  std::string layout;  // of the first output: "plain", "blocked16"
  std::string kernel;  // "copy" where there is none
  double flops = 0;
  double bytes = 0;                  // inputs read and outputs written once
  std::vector<std::string> refused;  // "winograd: the kernel is not 3x3", in the table's order
  double seconds = 0;                // of one run, where somebody measured it
};
// The least time that a step can take on this machine: its arithmetic or its traffic, whichever is
// longer.
double roofline_seconds(const StepInfo& step, Arithmetic precision);

std::vector<StepInfo> explain_steps(const Program& program);

struct ProgramSize {
  int64_t nodes = 0, steps = 0;
  double flops = 0, bytes = 0;  // of all steps
  size_t arena_bytes = 0;       // activations and scratch
  size_t state_bytes = 0, constant_bytes = 0;
  size_t unshared_bytes = 0;  // what the arena would take without sharing memory over time
  int64_t recomputed = 0;     // nodes computed once more to save memory
  double recomputed_flops = 0;
};
ProgramSize measure_size(const Program& program);

// A table of the steps and a summary; `why` adds the nodes they come from and the refused kernels.
std::string explain(const Program& program, bool why);
// The same of steps that were measured, with their times and share of the roofline.
std::string explain_measured(const Program& program, const std::vector<StepInfo>& steps,
                             Arithmetic precision);

std::string bytes_text(double bytes);  // "12.3 MB"

}  // namespace suan
