# SPDX-License-Identifier: Apache-2.0
# The three tiers, one binary each: unit (no device, under 60 s), ops (tests/ops) and slow (tests/slow).
find_package(GTest REQUIRED)
file(GLOB_RECURSE unit_sources CONFIGURE_DEPENDS tests/*_test.cpp)
list(FILTER unit_sources EXCLUDE REGEX "/tests/(ops|slow|package)/")
add_library(fake_nvml SHARED tests/target/fake_nvml.cpp)  # for tests/target/energy_test.cpp
target_link_libraries(fake_nvml PRIVATE suan_flags)
set_target_properties(fake_nvml PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
file(GLOB_RECURSE ops_sources CONFIGURE_DEPENDS tests/ops/*.cpp)
set(emulator "")
if(SUAN_SANITIZE)  # its threads are fibers, which sanitizers do not follow
  list(FILTER ops_sources EXCLUDE REGEX "/tests/ops/cuda_[a-z]+_test\\.cpp$")
  list(FILTER unit_sources EXCLUDE REGEX "/tests/program/device_run_test\\.cpp$")
else()
  file(GLOB emulator_sources CONFIGURE_DEPENDS tests/emulate/*.cpp)
  add_library(suan_emulator OBJECT ${emulator_sources})
  target_link_libraries(suan_emulator PRIVATE suan suan_flags)
  set(emulator suan_emulator)
endif()
file(GLOB_RECURSE slow_sources CONFIGURE_DEPENDS tests/slow/*.cpp)

set_source_files_properties(tests/source_dir.cpp PROPERTIES
  COMPILE_DEFINITIONS SUAN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

set(built "")
foreach(tier unit ops slow)
  if(${tier}_sources)
    set(name suan_${tier}_tests)
    add_executable(${name} ${${tier}_sources} tests/source_dir.cpp)
    target_link_libraries(${name} PRIVATE suan suan_flags ${emulator} GTest::gmock_main
      ${SUAN_PRIVATE_DEPENDENCIES})
    # Kernels that the emulator compiles call back into it.
    set_target_properties(${name} PROPERTIES ENABLE_EXPORTS ON)
    suan_look_in_lib(${name})
    if(TARGET suan_cuda)
      add_dependencies(${name} suan_cuda)  # opened at run time
    endif()
    add_test(NAME ${name} COMMAND ${name})
    string(APPEND built "${name}\n")
  endif()
endforeach()
# What libsuan_cuda.so does with a driver, where there is none: driver_test.cpp runs it.
if(TARGET suan_cuda AND SUAN_CUPTI_INCLUDE)
  add_library(suan_fake_driver SHARED tests/backend/cuda/fake_driver.cpp tests/backend/cuda/fake_cupti.cpp)
  target_link_libraries(suan_fake_driver PRIVATE suan_flags Threads::Threads)
  target_include_directories(suan_fake_driver SYSTEM PRIVATE ${SUAN_CUDA_INCLUDE} ${SUAN_CUPTI_INCLUDE})
  set_target_properties(suan_fake_driver PROPERTIES PREFIX "" OUTPUT_NAME libcuda SUFFIX .so.1
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fake_gpu)
  add_custom_command(TARGET suan_fake_driver POST_BUILD COMMAND ${CMAKE_COMMAND} -E create_symlink libcuda.so.1
    ${PROJECT_BINARY_DIR}/fake_gpu/libcupti.so.13)
  add_executable(suan_fake_gpu tests/backend/cuda/fake_gpu.cpp)
  if(SUAN_CUDNN_INCLUDE)  # no driver is needed to describe a convolution to cuDNN; attention wants to find one
    add_library(suan_absent_driver SHARED tests/backend/cuda/absent_driver.cpp)
    target_link_libraries(suan_absent_driver PRIVATE suan_flags)
    set_target_properties(suan_absent_driver PROPERTIES PREFIX "" OUTPUT_NAME libcuda SUFFIX .so.1
      LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fake_gpu/absent)
    add_dependencies(suan_unit_tests suan_absent_driver)
    set(driver src/suan/backend/cuda/driver)
    target_sources(suan_fake_gpu PRIVATE tests/backend/cuda/cudnn_graphs.cpp
      ${driver}/attention_graph.cpp ${driver}/convolution_graph.cpp ${driver}/operation_graph.cpp
      ${driver}/descriptor.cpp ${driver}/library.cpp)
    target_compile_definitions(suan_fake_gpu PRIVATE SUAN_CUDNN)
    target_include_directories(suan_fake_gpu SYSTEM PRIVATE ${SUAN_CUDA_INCLUDE} ${SUAN_CUDNN_INCLUDE})
  endif()
  target_link_libraries(suan_fake_gpu PRIVATE suan suan_flags GTest::gmock_main ${SUAN_PRIVATE_DEPENDENCIES})
  set_target_properties(suan_fake_gpu PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fake_gpu)
  add_dependencies(suan_fake_gpu suan_cuda suan_fake_driver)
  add_dependencies(suan_unit_tests suan_fake_gpu)
endif()
add_dependencies(suan_unit_tests fake_nvml)
file(WRITE ${PROJECT_BINARY_DIR}/test_targets.txt "${built}")  # for tools/run_tests
