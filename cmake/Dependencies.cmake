# One module per dependency in cmake/deps/, each ending in one target Lapidary::<name>.
# Order of origins: system package if new enough, then what cmake/setup unpacked under
# LAPIDARY_DEPS_DIR, then (only with LAPIDARY_FETCH=ON) a download, then feature off or an error.

set_property(GLOBAL PROPERTY lapidary_dependency_lines "")

# Called by the modules: one line of the table printed at the end of configure.
function(lapidary_found name version origin)
    string(LENGTH "${name}" n)
    math(EXPR pad "16 - ${n}")
    string(REPEAT " " ${pad} spaces)
    set_property(GLOBAL APPEND PROPERTY lapidary_dependency_lines
                 "${name}${spaces}${version}  (${origin})")
endfunction()

function(lapidary_print_dependencies)
    get_property(lines GLOBAL PROPERTY lapidary_dependency_lines)
    message(STATUS "Dependencies:")
    foreach(line IN LISTS lines)
        message(STATUS "  ${line}")
    endforeach()
endfunction()

# Every module's complaint ends with the same way out.
function(lapidary_missing what package)
    message(FATAL_ERROR "${what} was not found. Run 'cmake/setup' (it installs '${package}' on "
                        "Debian and Ubuntu), or install it and configure again.")
endfunction()

# lapidary_pkg_config(TARGET MODULE PACKAGE MIN): Lapidary::<target> through pkg-config.
function(lapidary_pkg_config target module package min)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
        pkg_check_modules(dep_${target} QUIET IMPORTED_TARGET GLOBAL "${module}>=${min}")
    endif()
    if(dep_${target}_FOUND)
        add_library(Lapidary::${target} ALIAS PkgConfig::dep_${target})
        lapidary_found(${module} ${dep_${target}_VERSION} "system, pkg-config")
    endif()
    set(LAPIDARY_${target}_FOUND ${dep_${target}_FOUND} PARENT_SCOPE)
endfunction()

# lapidary_header_only(TARGET NAME HEADER PACKAGE): the folder is LAPIDARY_<target>_INCLUDE.
function(lapidary_header_only target name header package)
    find_path(LAPIDARY_${target}_INCLUDE "${header}")
    if(NOT LAPIDARY_${target}_INCLUDE)
        lapidary_missing("${name} (${header})" ${package})
    endif()
    mark_as_advanced(LAPIDARY_${target}_INCLUDE)
    add_library(lapidary_${target} INTERFACE)
    target_include_directories(lapidary_${target} SYSTEM INTERFACE
                               "${LAPIDARY_${target}_INCLUDE}")
    add_library(Lapidary::${target} ALIAS lapidary_${target})
endfunction()

# lapidary_read_number(OUT HEADER MACRO): the value of one "#define MACRO <number>".
function(lapidary_read_number out header macro)
    file(STRINGS "${header}" line REGEX "^#define ${macro} +[0-9]+" LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+$" number "${line}")
    set(${out} "${number}" PARENT_SCOPE)
endfunction()

find_package(Threads REQUIRED)
include(deps/vulkan)
include(deps/glslang)
include(deps/fmt)
include(deps/json)
include(deps/cli11)
include(deps/xxhash)
include(deps/sentencepiece)
include(deps/sqlite)
include(deps/zlib)
include(deps/png)
include(deps/gui)
if(LAPIDARY_TESTS)
    include(deps/catch2)
endif()
