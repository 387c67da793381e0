# Headers parsed once for many files: the standard library's, fmt's and nlohmann's for all rooms, GoogleTest's for the
# tests. A file still includes what it uses: the fuzz and profile presets build without this.
option(TRUNKLINE_PRECOMPILE "Parse the headers that many files include once" ON)

set(TL_COMMON_HEADERS <algorithm> <array> <charconv> <chrono> <coroutine> <expected> <filesystem> <fstream> <functional>
    <map> <memory> <optional> <set> <span> <sstream> <string> <string_view> <unordered_map> <utility> <vector>
    <fmt/format.h> <nlohmann/json.hpp>)

# tl_precompiled(NAME LIBS l... HEADERS h... OPTIONS o...): a target whose precompiled headers others use by tl_use_precompiled.
function(tl_precompiled name)
  cmake_parse_arguments(ARG "" "" "LIBS;HEADERS;OPTIONS" ${ARGN})
  if(NOT TRUNKLINE_PRECOMPILE)
    return()
  endif()
  set(source ${CMAKE_BINARY_DIR}/${name}.cpp)
  if(NOT EXISTS ${source})
    file(WRITE ${source} "// Only carries the precompiled headers.\n")
  endif()
  add_library(${name} OBJECT ${source})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${name} PRIVATE fmt::fmt ${ARG_LIBS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  # Its time would make every object of another checkout a new one to ccache.
  target_compile_options(${name} PRIVATE "SHELL:-Xclang -fno-pch-timestamp" ${ARG_OPTIONS})
endfunction()

# NAME, or the one of the room itself where it has one.
function(tl_use_precompiled target name)
  if(NOT TRUNKLINE_PRECOMPILE)
    return()
  endif()
  if(TARGET ${target}_headers)
    set(name ${target}_headers)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${name})
endfunction()
