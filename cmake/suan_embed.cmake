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
