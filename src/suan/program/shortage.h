// What to say of a program that does not fit into a device's memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "suan/program/plan.h"

namespace suan {

// How much it asks for and how much is free, its largest values, and the batch that would fit.
std::string explain_shortage(const Plan& plan, size_t asked, size_t free, size_t total);

}  // namespace suan
