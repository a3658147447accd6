// A shared library that is opened at run time, as a struct of pointers to its functions. Everything
// of CUDA is reached this way, so that nothing of it has to be there. For a list
//   #define SUAN_SOME_FUNCTIONS(F) F(someCreate) F(someDestroy)
// the struct has SUAN_SOME_FUNCTIONS(SUAN_FUNCTION_FIELD), and open_library() takes
// {SUAN_SOME_FUNCTIONS(SUAN_FUNCTION_SYMBOL)} of a variable `table`. Names are looked up as the
// toolkit's headers spell them: cuMemFree is a macro for cuMemFree_v2.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>

namespace suan::cuda {

#define SUAN_TEXT_OF(name) #name
#define SUAN_FUNCTION_FIELD(name) decltype(&::name) name = nullptr;
#define SUAN_FUNCTION_SYMBOL(name) {SUAN_TEXT_OF(name), reinterpret_cast<void**>(&table.name)},

struct Symbol {
  const char* name;
  void** address;
};
// Looks for the library in the folders of the environment variable SUAN_CUDA_LIBRARIES (a:b:c),
// where the system finds libraries, and where toolkits are installed. Says why not in one line, or
// "".
std::string open_library(const char* name, std::initializer_list<Symbol> symbols);

// Once the process ends, libraries go in any order: nothing is given back to them any more.
void watch_for_the_end();  // to be called when those in question are open
bool process_ends();

// "cuMemAlloc" of "cuMemAlloc(&p, bytes)", for messages.
std::string_view name_of_call(std::string_view call);

}  // namespace suan::cuda
