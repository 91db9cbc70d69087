# A room is a folder of src/ and one or two libraries: sumi_<room>, which links no LibTorch, and
# sumi_<room>_tensor for the files that hold tensors. The links repeat the include table of
# ARCHITECTURE.md; tests/architecture checks the includes themselves.

add_library(sumi_flags INTERFACE)
target_compile_options(sumi_flags INTERFACE -Wall -Wextra -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  # GCC 14 sees an overrun in std::vector<bool>::reserve where LibTorch's Function::apply calls it.
  target_compile_options(sumi_flags INTERFACE -Wno-array-bounds -Wno-stringop-overflow)
endif()
target_include_directories(sumi_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(SUMI_SANITIZE)
  # GCC 12 warns of uninitialised and overlapping memory that only its own instrumentation makes.
  target_compile_options(sumi_flags INTERFACE -fsanitize=${SUMI_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all -Wno-error)
  target_link_options(sumi_flags INTERFACE -fsanitize=${SUMI_SANITIZE})
endif()

if(SUMI_TENSOR)
  # One precompiled header for every file that sees tensors.
  add_library(sumi_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
  target_link_libraries(sumi_pch PUBLIC sumi_flags sumi_torch fmt::fmt nlohmann_json::nlohmann_json)
  target_precompile_headers(sumi_pch PRIVATE ${CMAKE_SOURCE_DIR}/src/core/tensor.h)
endif()

function(sumi_use_tensors target)
  target_link_libraries(${target} PUBLIC sumi_flags sumi_torch fmt::fmt nlohmann_json::nlohmann_json)
  target_precompile_headers(${target} REUSE_FROM sumi_pch)
  # The header was compiled for libraries; a program that reuses it takes the same flag, not -fPIE.
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
endfunction()

# sumi_room(NAME name [PLAIN files...] [TENSOR files...] [LINKS rooms...] [LIBRARIES targets...])
#   LINKS: rooms of the include table's row. LIBRARIES: third-party targets.
function(sumi_room)
  cmake_parse_arguments(ROOM "" "NAME" "PLAIN;TENSOR;LINKS;LIBRARIES" ${ARGN})
  set(plain sumi_${ROOM_NAME})
  set(plain_links)
  set(tensor_links)
  foreach(room ${ROOM_LINKS})
    list(APPEND plain_links sumi_${room})
    list(APPEND tensor_links sumi_${room}_tensor)
  endforeach()
  if(ROOM_PLAIN)
    add_library(${plain} STATIC ${ROOM_PLAIN})
    target_link_libraries(${plain} PUBLIC sumi_flags fmt::fmt nlohmann_json::nlohmann_json Threads::Threads
                          ${plain_links} ${ROOM_LIBRARIES})
  else()
    add_library(${plain} INTERFACE)
    target_link_libraries(${plain} INTERFACE ${plain_links} ${ROOM_LIBRARIES})
  endif()
  if(SUMI_TENSOR)
    if(ROOM_TENSOR)
      add_library(${plain}_tensor STATIC ${ROOM_TENSOR})
      sumi_use_tensors(${plain}_tensor)
      target_link_libraries(${plain}_tensor PUBLIC ${plain} ${tensor_links})
    else()
      add_library(${plain}_tensor INTERFACE)
      target_link_libraries(${plain}_tensor INTERFACE ${plain} ${tensor_links})
    endif()
  endif()
endfunction()

# sumi_test(NAME name [TENSOR] FILES files... LINKS targets... [LABELS labels...])
#   One program and one ctest entry; a TENSOR test is left out of builds without LibTorch.
function(sumi_test)
  cmake_parse_arguments(TEST "TENSOR" "NAME" "FILES;LINKS;LABELS" ${ARGN})
  if(TEST_TENSOR AND NOT SUMI_TENSOR)
    return()
  endif()
  string(REPLACE "." "_" target test_${TEST_NAME})
  add_executable(${target} ${TEST_FILES})
  if(TEST_TENSOR)
    sumi_use_tensors(${target})
  endif()
  target_link_libraries(${target} PRIVATE sumi_flags ${TEST_LINKS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE SUMI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${TEST_NAME} COMMAND ${target})
  set_tests_properties(${TEST_NAME} PROPERTIES LABELS "${TEST_LABELS}")
endfunction()
