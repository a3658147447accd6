# SPDX-License-Identifier: Apache-2.0
# libsuan_cuda.so: what runs on a GPU, opened at run time where there is a driver. It links nothing of CUDA;
# its kernels are compiled here and lie in it. Without nvcc it is left out.
set(SUAN_CUDA AUTO CACHE STRING "Build the CUDA part: AUTO (where nvcc is found), ON or OFF")
set_property(CACHE SUAN_CUDA PROPERTY STRINGS AUTO ON OFF)
set(SUAN_CUDA_ARCHITECTURES sm_80 sm_90 compute_90 CACHE STRING
  "What kernels are compiled for: sm_XX is machine code, compute_XX what the driver compiles for later GPUs")

set(wanted ${SUAN_CUDA})
if(wanted STREQUAL AUTO AND (SUAN_SANITIZE OR SUAN_BUILD_FUZZERS))
  set(wanted OFF)
endif()
if(wanted)
  find_program(SUAN_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin /usr/local/cuda/bin)
  if(NOT SUAN_NVCC AND wanted STREQUAL AUTO)
    message(STATUS "nvcc was not found: the CUDA part is left out")
    set(wanted OFF)
  elseif(NOT SUAN_NVCC)
    message(FATAL_ERROR "SUAN_CUDA is ON, and nvcc was not found")
  endif()
endif()
if(NOT wanted)
  return()
endif()

# suan_embed_kernels(target): compiles kernels/*.cu and links them into `target`, with a table of them.
function(suan_embed_kernels target)
  set(codes "")
  foreach(architecture IN LISTS SUAN_CUDA_ARCHITECTURES)
    string(REGEX REPLACE "^[a-z]+_" "compute_" virtual ${architecture})
    list(APPEND codes -gencode arch=${virtual},code=${architecture})
  endforeach()
  file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/suan/backend/cuda/kernels/*.cu)
  set(declarations "")
  set(rows "")
  foreach(kernel IN LISTS kernels)
    cmake_path(GET kernel STEM name)
    set(object ${PROJECT_BINARY_DIR}/kernels/${name}.fatbin)
    # ccache takes only what looks like compiling: -c.
    add_custom_command(OUTPUT ${object}
      COMMAND ${SUAN_CCACHE} ${SUAN_NVCC} -c -fatbin -std=c++17 -O3 -I${PROJECT_SOURCE_DIR}/src ${codes}
        -MD -MF ${object}.d -MT ${object} -o ${object} ${kernel}
      DEPENDS ${kernel} DEPFILE ${object}.d COMMENT "Compiling ${name}.cu for ${SUAN_CUDA_ARCHITECTURES}"
      COMMAND_EXPAND_LISTS VERBATIM)
    suan_embed(${target} cuda_module_${name} ${object})
    string(APPEND declarations "std::string_view cuda_module_${name}();\n")
    string(APPEND rows "    cuda_module_${name},\n")
  endforeach()
  set(unit ${PROJECT_BINARY_DIR}/embedded/cuda_module_table.cpp)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/cuda_module_table.cpp.in ${unit} @ONLY)
  target_sources(${target} PRIVATE ${unit})
endfunction()

cmake_path(GET SUAN_NVCC PARENT_PATH toolkit)
find_path(SUAN_CUDA_INCLUDE cublasLt.h HINTS ${toolkit}/../include /usr/local/cuda/include REQUIRED)
find_path(SUAN_CUDNN_INCLUDE cudnn_backend.h HINTS ${SUAN_CUDA_INCLUDE})
file(GLOB driver_sources CONFIGURE_DEPENDS src/suan/backend/cuda/driver/*.cpp)
add_library(suan_cuda SHARED ${driver_sources})
suan_embed_kernels(suan_cuda)
target_include_directories(suan_cuda SYSTEM PRIVATE ${SUAN_CUDA_INCLUDE})
if(SUAN_CUDNN_INCLUDE)
  target_compile_definitions(suan_cuda PRIVATE SUAN_CUDNN)
  target_include_directories(suan_cuda SYSTEM PRIVATE ${SUAN_CUDNN_INCLUDE})
else()
  message(STATUS "cudnn_backend.h was not found: convolutions by cuDNN are left out")
endif()
find_path(SUAN_CUPTI_INCLUDE cupti.h HINTS ${SUAN_CUDA_INCLUDE} ${SUAN_CUDA_INCLUDE}/../extras/CUPTI/include)
if(SUAN_CUPTI_INCLUDE)
  target_compile_definitions(suan_cuda PRIVATE SUAN_CUPTI)
  target_include_directories(suan_cuda SYSTEM PRIVATE ${SUAN_CUPTI_INCLUDE})
else()
  message(STATUS "cupti.h was not found: timelines by CUPTI are left out")
endif()
target_link_libraries(suan_cuda PRIVATE suan suan_flags PkgConfig::xxhash ${CMAKE_DL_LIBS})
# Only the entry functions leave it; of the libraries that all of Suan links it needs few.
target_link_options(suan_cuda PRIVATE -Wl,--no-undefined -Wl,--as-needed
  -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/suan_cuda.map)
set_target_properties(suan_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/suan_cuda.map)
