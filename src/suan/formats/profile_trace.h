// A profile as a trace file: the steps of a run, what the device did for each, and the memory that
// was in use.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/program/profile.h"

namespace suan::formats {

// With a timeline a step lasts from its first activity to its last, in the last run; without one
// steps follow each other, each with its mean time.
void write_profile_trace(const std::string& path, const Program& program, const Profile& profile,
                         const Roofline& roofline);

}  // namespace suan::formats
