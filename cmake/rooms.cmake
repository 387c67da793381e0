# The rooms that a request passes through: what a profile is taken of, and used for (docs/decisions/0012-profile.md).
# The others stay as they are, so that the presets share their objects.
set(TL_HOT_ROOMS base rt codec net telemetry http proxy gateway mesh)

# How the profile presets compile a room; nothing in all others.
function(tl_profile_options name)
  if(NOT name IN_LIST TL_HOT_ROOMS)
    return()
  endif()
  if(TRUNKLINE_INSTRUMENT)
    target_compile_options(tl_${name} PRIVATE -fprofile-generate)
  elseif(TRUNKLINE_PROFILE)
    # A change since the training run makes the profile of its function worthless, not the build wrong.
    target_compile_options(tl_${name} PRIVATE -flto=thin -fprofile-use=${TRUNKLINE_PROFILE}
                           -Wno-profile-instr-unprofiled -Wno-profile-instr-out-of-date)
  endif()
endfunction()

# tl_room(NAME ROOMS r... LIBS l...): the library tl_NAME from src/NAME/**/*.cpp, and, from
# its *_test.cpp, the unit test binary tl_NAME_test. A room without sources yet is header-only.
function(tl_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LIBS" ${ARGN})
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "(_test|/app/main)\\.cpp$")

  set(deps ${ARG_LIBS})
  foreach(room ${ARG_ROOMS})
    list(APPEND deps tl_${room})
  endforeach()

  if(sources)
    add_library(tl_${name} STATIC ${sources})
    target_include_directories(tl_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(tl_${name} PUBLIC ${deps})
    tl_profile_options(${name})
    if(name IN_LIST TL_COLD_ROOMS AND CMAKE_BUILD_TYPE STREQUAL "Release")
      target_compile_options(tl_${name} PRIVATE -O1)
    endif()
    tl_use_precompiled(tl_${name} tl_headers)
  else()
    add_library(tl_${name} INTERFACE)
    target_include_directories(tl_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(tl_${name} INTERFACE ${deps})
  endif()

  if(TRUNKLINE_TESTS AND tests)
    add_executable(tl_${name}_test ${tests})
    target_link_libraries(tl_${name}_test PRIVATE tl_${name} GTest::gtest GTest::gtest_main)
    target_compile_options(tl_${name}_test PRIVATE ${TL_TEST_OPTIONS})
    tl_use_precompiled(tl_${name}_test tl_test_headers)
    add_test(NAME unit.${name} COMMAND tl_${name}_test)
    set_tests_properties(unit.${name} PROPERTIES TIMEOUT 120)
  endif()
endfunction()

# The checks that fail the build: floors (forbidden includes) and sizes.
function(tl_house_checks)
  find_program(PYTHON3 NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
  add_custom_target(house_checks ALL
    COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tools/check_floors.py ${CMAKE_SOURCE_DIR}
    COMMAND ${PYTHON3} ${CMAKE_SOURCE_DIR}/tools/check_size.py ${CMAKE_SOURCE_DIR}
    COMMENT "Checking floors and sizes" VERBATIM)
endfunction()

# A program for the kernel: SOURCE becomes an object of eBPF, whose path USER finds as DEFINITION.
function(tl_kernel_program source user definition)
  get_filename_component(name ${source} NAME_WLE)
  set(object ${CMAKE_BINARY_DIR}/${name}.o)
  file(GLOB headers ${CMAKE_SOURCE_DIR}/src/sockmap/*.h)
  # The kernel's headers for this machine lie where Debian puts them; the target has none of its own.
  add_custom_command(OUTPUT ${object}
    COMMAND clang-19 -target bpf -mcpu=v3 -O2 -g -Wall -Werror
            -I/usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE} -c ${CMAKE_SOURCE_DIR}/${source} -o ${object}
    DEPENDS ${CMAKE_SOURCE_DIR}/${source} ${headers}
    COMMENT "Building the program for the kernel: ${source}" VERBATIM)
  set_source_files_properties(${user} PROPERTIES
    COMPILE_DEFINITIONS ${definition}="${object}" OBJECT_DEPENDS ${object})
endfunction()
