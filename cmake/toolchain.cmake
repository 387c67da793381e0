# One toolchain for everything: clang 19, lld, libstdc++ (docs/decisions/0001-toolchain.md).
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  message(FATAL_ERROR "Trunkline builds with clang 19 only (GCC 12 miscompiles coroutines). "
                      "Use './dev build' or 'cmake --preset release'.")
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wconversion
                    -Wno-sign-conversion -Wno-missing-field-initializers
                    -Werror -fno-omit-frame-pointer -fcolor-diagnostics -pthread)
add_link_options(-fuse-ld=lld-19)

if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # -gz=none and line tables only: symbols for perf and backtraces without slow links.
  add_compile_options(-gline-tables-only)
endif()

# What is tested is optimised in full, the tests themselves hardly: with simulations among them, -O0 is too slow.
set(TL_TEST_OPTIONS)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(TL_TEST_OPTIONS -O1)
endif()

# Rooms that no request passes are compiled for a short build.
set(TL_COLD_ROOMS manifest supervisor console app)

if(TRUNKLINE_SANITIZE)
  add_compile_options(-fsanitize=${TRUNKLINE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TRUNKLINE_SANITIZE})
endif()
if(TRUNKLINE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(TRUNKLINE_INSTRUMENT)
  add_link_options(-fprofile-generate)
elseif(TRUNKLINE_PROFILE)
  add_link_options(-flto=thin -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/thinlto)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
