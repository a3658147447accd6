# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` puts into a prefix so that find_package(suan) works there.
include(CMakePackageConfigHelpers)
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/suan)
install(TARGETS suan EXPORT suanTargets)
if(TARGET suan_cli)
  install(TARGETS suan_cli)
  install(TARGETS suan_c EXPORT suanTargets)
  install(FILES bindings/c/suan.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
endif()
if(TARGET suan_cuda)
  install(TARGETS suan_cuda)
endif()
install(DIRECTORY src/suan DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING
  PATTERN internal EXCLUDE PATTERN *-inl.h EXCLUDE PATTERN *.h PATTERN *.inc PATTERN *.table)
install(EXPORT suanTargets NAMESPACE suan:: DESTINATION ${config_folder})
configure_package_config_file(cmake/suanConfig.cmake.in suanConfig.cmake
  INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(suanConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/suanConfig.cmake ${PROJECT_BINARY_DIR}/suanConfigVersion.cmake
  cmake/suan_dependencies.cmake DESTINATION ${config_folder})
