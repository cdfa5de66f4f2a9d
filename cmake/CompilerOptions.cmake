# Language level, warnings and floating-point rules, for our own code only.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# No NDEBUG anywhere: CHECK is always on, and ImGui's asserts guard our use of it.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g -D_GLIBCXX_ASSERTIONS")  # dev and the sanitizers
set(CMAKE_CXX_FLAGS_RELEASE "-O2")

find_program(LAPIDARY_CCACHE ccache)
if(LAPIDARY_CCACHE AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER "${LAPIDARY_CCACHE}")
endif()

# The plain path promises the same bits everywhere, so a*b+c must stay two roundings and the
# compiler must not reorder sums: no contraction, never -ffast-math, no -march=native.
# This is for every target, third-party sources included.
add_compile_options(-ffp-contract=off)
foreach(flags IN ITEMS CMAKE_CXX_FLAGS CMAKE_CXX_FLAGS_RELEASE CMAKE_CXX_FLAGS_RELWITHDEBINFO)
    if("${${flags}}" MATCHES "-ffast-math|-Ofast|-funsafe-math")
        message(FATAL_ERROR "${flags} holds '${CMAKE_MATCH_0}', which breaks the exact path. "
                            "Remove it.")
    endif()
endforeach()

# What the program remembers of a device holds for one build of it (gpu/build_id.h).
add_link_options(-Wl,--build-id=sha1)

set(LAPIDARY_SANITIZE "" CACHE STRING "Sanitizers, as in -fsanitize=")
if(LAPIDARY_SANITIZE)
    add_compile_options(-fsanitize=${LAPIDARY_SANITIZE} -fno-omit-frame-pointer
                        -fno-sanitize-recover=all)
    add_link_options(-fsanitize=${LAPIDARY_SANITIZE})
endif()
if(LAPIDARY_FUZZ)
    if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "LAPIDARY_FUZZ needs clang (found ${CMAKE_CXX_COMPILER_ID}). "
                            "Use the preset 'fuzz', or -DCMAKE_CXX_COMPILER=clang++.")
    endif()
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_library(lapidary_options INTERFACE)
target_compile_options(lapidary_options INTERFACE
    -Wall -Wextra -Wshadow -Wconversion
    -Wno-missing-field-initializers  # Vulkan's {sType} idiom trips it on every line
    -Wno-sign-conversion)
if(LAPIDARY_WERROR)
    target_compile_options(lapidary_options INTERFACE -Werror)
endif()
