# SPDX-License-Identifier: Apache-2.0
# The libraries Suan links: read by the build and, once installed, by find_package(suan). The same list, as
# Debian packages, is tools/packages.txt.
find_package(Threads REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(dnnl REQUIRED CONFIG)
find_package(hwy REQUIRED CONFIG)
find_package(fmt REQUIRED CONFIG)
find_package(CLI11 REQUIRED CONFIG)
find_package(nlohmann_json REQUIRED CONFIG)
find_package(tomlplusplus REQUIRED CONFIG)
find_package(libjpeg-turbo REQUIRED CONFIG)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(zstd REQUIRED CONFIG)
find_package(Protobuf REQUIRED)
find_package(ONNX REQUIRED CONFIG)
find_package(PkgConfig REQUIRED)
pkg_check_modules(re2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(webp REQUIRED IMPORTED_TARGET libwebp)
pkg_check_modules(openjp2 REQUIRED IMPORTED_TARGET libopenjp2)

set(SUAN_PRIVATE_DEPENDENCIES
  OpenMP::OpenMP_CXX DNNL::dnnl hwy::hwy hwy::hwy_contrib nlohmann_json::nlohmann_json
  tomlplusplus::tomlplusplus libjpeg-turbo::turbojpeg PNG::PNG ZLIB::ZLIB zstd::libzstd_shared onnx_proto PkgConfig::re2 PkgConfig::xxhash
  PkgConfig::webp PkgConfig::openjp2
  ${CMAKE_DL_LIBS})
