# Vulkan headers only: the loader is opened at run time, so that --help works without one.
lapidary_header_only(vulkan_headers Vulkan vulkan/vulkan.h libvulkan-dev)
set(core "${LAPIDARY_vulkan_headers_INCLUDE}/vulkan/vulkan_core.h")
file(STRINGS "${core}" line REGEX "^#define VK_HEADER_VERSION_COMPLETE ")
string(REGEX MATCH "([0-9]+), ([0-9]+), VK_HEADER_VERSION" unused "${line}")
set(vulkan_version "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}")
lapidary_read_number(patch "${core}" VK_HEADER_VERSION)
if(vulkan_version VERSION_LESS 1.3)
    message(FATAL_ERROR "The Vulkan headers in ${LAPIDARY_vulkan_headers_INCLUDE} are of "
                        "${vulkan_version}; 1.3 or newer is needed (Debian: libvulkan-dev).")
endif()
target_compile_definitions(lapidary_vulkan_headers INTERFACE VK_NO_PROTOTYPES)
lapidary_found(Vulkan "${vulkan_version}.${patch}" "system headers")
