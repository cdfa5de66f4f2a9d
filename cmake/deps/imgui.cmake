# Dear ImGui >= 1.92 (fonts rasterised on demand) with 32-bit characters and FreeType. No Debian
# binary is built that way, so it is compiled here from Debian's source package, which cmake/setup
# unpacked under LAPIDARY_DEPS_DIR.
set(imgui_dir "${LAPIDARY_DEPS_DIR}/imgui")
set(imgui_origin "Debian source package unpacked by cmake/setup")
if(NOT EXISTS "${imgui_dir}/imgui.h" AND LAPIDARY_FETCH)
    include(FetchContent)
    FetchContent_Declare(imgui GIT_REPOSITORY https://github.com/ocornut/imgui.git
                         GIT_TAG v1.92.2b GIT_SHALLOW ON)
    FetchContent_Populate(imgui)
    set(imgui_dir "${imgui_SOURCE_DIR}")
    set(imgui_origin "FetchContent")
endif()
if(NOT EXISTS "${imgui_dir}/imgui.h")
    return()
endif()

file(STRINGS "${imgui_dir}/imgui.h" imgui_line REGEX "^#define IMGUI_VERSION +\"")
string(REGEX MATCH "\"([0-9]+\\.[0-9]+[^\"]*)\"" unused "${imgui_line}")
set(imgui_version "${CMAKE_MATCH_1}")
if(imgui_version VERSION_LESS 1.92)
    message(WARNING "Dear ImGui in ${imgui_dir} is ${imgui_version}; 1.92 or newer is needed.")
    return()
endif()

add_library(lapidary_imgui STATIC
    "${imgui_dir}/imgui.cpp"
    "${imgui_dir}/imgui_draw.cpp"
    "${imgui_dir}/imgui_tables.cpp"
    "${imgui_dir}/imgui_widgets.cpp"
    "${imgui_dir}/backends/imgui_impl_glfw.cpp"
    "${imgui_dir}/backends/imgui_impl_vulkan.cpp"
    "${imgui_dir}/misc/freetype/imgui_freetype.cpp")
target_include_directories(lapidary_imgui SYSTEM PUBLIC
    "${imgui_dir}" "${imgui_dir}/backends" "${imgui_dir}/misc/freetype")
# NO_PROTOTYPES: the Vulkan functions come through ImGui_ImplVulkan_LoadFunctions, so the program
# starts on a machine without libvulkan.
target_compile_definitions(lapidary_imgui PUBLIC
    IMGUI_USE_WCHAR32 IMGUI_ENABLE_FREETYPE IMGUI_DISABLE_OBSOLETE_FUNCTIONS
    IMGUI_IMPL_VULKAN_NO_PROTOTYPES)
target_link_libraries(lapidary_imgui PUBLIC
    Lapidary::glfw Lapidary::freetype Lapidary::vulkan_headers ${CMAKE_DL_LIBS})
set_target_properties(lapidary_imgui PROPERTIES CXX_CLANG_TIDY "")
add_library(Lapidary::imgui ALIAS lapidary_imgui)
lapidary_found("Dear ImGui" ${imgui_version} "${imgui_origin}")
