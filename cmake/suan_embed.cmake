# SPDX-License-Identifier: Apache-2.0
# suan_embed(target symbol file): links the bytes of `file` into `target`. The code that wants them declares
#   namespace suan::embedded { std::string_view <symbol>(); }
function(suan_embed target symbol file)
  cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE embed_file)
  set(embed_symbol ${symbol})
  set(unit ${PROJECT_BINARY_DIR}/embedded/${symbol}.cpp)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/embed.cpp.in ${unit} @ONLY)
  set_source_files_properties(${unit} PROPERTIES OBJECT_DEPENDS ${embed_file})
  target_sources(${target} PRIVATE ${unit})
endfunction()

# suan_embed_recipes(target): links recipes/*.toml into `target`, with a table of their names.
function(suan_embed_recipes target)
  file(GLOB recipes CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/recipes/*.toml)
  set(declarations "")
  set(rows "")
  foreach(recipe IN LISTS recipes)
    cmake_path(GET recipe STEM name)
    string(MAKE_C_IDENTIFIER "recipe_${name}" symbol)
    suan_embed(${target} ${symbol} ${recipe})
    string(APPEND declarations "std::string_view ${symbol}();\n")
    string(APPEND rows "    {\"${name}\", ${symbol}},\n")
  endforeach()
  set(unit ${PROJECT_BINARY_DIR}/embedded/recipe_table.cpp)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/recipe_table.cpp.in ${unit} @ONLY)
  target_sources(${target} PRIVATE ${unit})
endfunction()
