# Vulkan headers only: the loader is opened at run time, so that --help works without one.
lapidary_header_only(vulkan_headers Vulkan vulkan/vulkan.h vulkan/vulkan_core.h
                     "^#define VK_HEADER_VERSION [0-9]+$" libvulkan-dev)
file(STRINGS "${LAPIDARY_vulkan_headers_INCLUDE}/vulkan/vulkan_core.h" has_13
     REGEX "^#define VK_VERSION_1_3 1")
if(NOT has_13)
    message(FATAL_ERROR "The Vulkan headers in ${LAPIDARY_vulkan_headers_INCLUDE} are older than "
                        "1.3. Install newer ones (Debian: libvulkan-dev).")
endif()
target_compile_definitions(lapidary_vulkan_headers INTERFACE VK_NO_PROTOTYPES)
