set(absl_headers
  <absl/container/flat_hash_map.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
  <absl/synchronization/mutex.h> <absl/time/time.h>)

# What nearly every test includes, compiled once: a quarter of the time that tests take to build.
# Foreign headers alone, since a file that changes would have all tests built again.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/test_headers.cc CONTENT "")
add_library(z4j_test_headers OBJECT ${CMAKE_BINARY_DIR}/test_headers.cc)
target_link_libraries(z4j_test_headers PRIVATE GTest::gmock absl::flat_hash_map absl::statusor absl::time)
target_precompile_headers(z4j_test_headers PRIVATE
  <functional> <map> <memory> <optional> <string> <thread> <vector> <gmock/gmock.h> <gtest/gtest.h>
  ${absl_headers})

# What nearly every room includes: half of the time that its sources take to build.
add_library(z4j_headers OBJECT ${CMAKE_BINARY_DIR}/test_headers.cc)
target_link_libraries(z4j_headers PRIVATE absl::flat_hash_map absl::statusor absl::time)
target_precompile_headers(z4j_headers PRIVATE
  <algorithm> <functional> <map> <memory> <optional> <string> <utility> <vector>
  ${absl_headers})

# The same for rooms that speak gRPC, whose headers cost more than all others.
foreach(kind IN ITEMS grpc_headers grpc_test_headers)
  add_library(z4j_${kind} OBJECT ${CMAKE_BINARY_DIR}/test_headers.cc)
  target_link_libraries(z4j_${kind} PRIVATE PkgConfig::GRPC)
  target_precompile_headers(z4j_${kind} PRIVATE <grpcpp/grpcpp.h>)
endforeach()
target_link_libraries(z4j_grpc_test_headers PRIVATE GTest::gmock)
target_precompile_headers(z4j_grpc_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)

# A room is a folder: its sources make the library z4j_<name>, its *_test.cc the test <name>_test.
#
#   z4j_room(scheduler_core DEPS z4j_base absl::time)
#   TEST_DEPS adds libraries that only the tests need; SOURCES adds generated files;
#   EXCLUDE (names without ending) leaves sources and tests to another library of the folder.
#   WITH_POSTGRES runs the tests beside a PostgreSQL cluster of their own; OWN_PCH leaves it to the
#   folder to say what is precompiled; ONE_BY_ONE compiles each source by itself, since names of
#   theirs that nobody else sees are the same.
#
# main.cc, *_main.cc and *_bench.cc are left to the folder's own CMakeLists.txt.
function(z4j_room name)
  cmake_parse_arguments(ROOM "WITH_POSTGRES;OWN_PCH;ONE_BY_ONE" "" "DEPS;TEST_DEPS;SOURCES;EXCLUDE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc *.h testing/*.cc testing/*.h)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cc)
  list(FILTER sources EXCLUDE REGEX "(_test|_main|_bench|/main)\\.cc$")
  foreach(stem IN LISTS ROOM_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "/${stem}\\.(cc|h)$")
    list(FILTER tests EXCLUDE REGEX "/${stem}_test\\.cc$")
  endforeach()

  add_library(z4j_${name} STATIC ${sources} ${ROOM_SOURCES})
  set_target_properties(z4j_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_include_directories(z4j_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(z4j_${name} PUBLIC ${ROOM_DEPS})
  target_compile_options(z4j_${name} PRIVATE -Wall -Wextra -Wno-sign-compare)
  set(headers z4j_headers)
  set(test_headers z4j_test_headers)
  if(z4j_base_grpc IN_LIST ROOM_DEPS)
    set(headers z4j_grpc_headers)
    set(test_headers z4j_grpc_test_headers)
  endif()
  if(NOT ROOM_OWN_PCH)
    target_precompile_headers(z4j_${name} REUSE_FROM ${headers})
  endif()
  # A few sources at once: half of their time is for headers that they share.
  if(NOT ROOM_ONE_BY_ONE)
    set_target_properties(z4j_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    # What only tests link stays out of the programs.
    set(for_tests ${sources})
    list(FILTER for_tests INCLUDE REGEX "/testing/")
    set_source_files_properties(${for_tests} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE z4j_${name} ${ROOM_TEST_DEPS}
                          GTest::gmock GTest::gtest_main)
    # With headers precompiled g++ 12 sees bounds exceeded within std::string where there are none.
    target_compile_options(${name}_test PRIVATE -Wall -Wextra -Wno-sign-compare -Wno-array-bounds)
    if(NOT ROOM_OWN_PCH)
      target_precompile_headers(${name}_test REUSE_FROM ${test_headers})
    endif()
    set(around "")
    if(ROOM_WITH_POSTGRES)
      set(around ${PROJECT_SOURCE_DIR}/tools/with-postgres)
    endif()
    add_test(NAME ${name}_test COMMAND ${around} $<TARGET_FILE:${name}_test>)
  endif()
endfunction()
