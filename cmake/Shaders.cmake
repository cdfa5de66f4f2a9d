# lapidary_add_shaders(TARGET [PATTERN...]): shaders/*.comp and files matching the patterns ->
# SPIR-V, validated, embedded in a library of objects (so that no link order loses them). A kernel that
# includes quads.glsl is compiled twice, as NAME and as NAME_texels.
# The .spv files stay in <build>/TARGET/, where LAPIDARY_SHADERS can point at them.
function(lapidary_add_shaders target)
    set(source_dir "${PROJECT_SOURCE_DIR}/shaders")
    set(out_dir "${PROJECT_BINARY_DIR}/${target}")
    lapidary_sources(kernels shaders/*.comp ${ARGN})
    file(GLOB shared CONFIGURE_DEPENDS "${source_dir}/*.glsl" "${source_dir}/*.h")
    file(MAKE_DIRECTORY "${out_dir}")

    set(includes "")
    set(table "")
    set(outputs "")
    set(n 0)
    foreach(kernel IN LISTS kernels)
        get_filename_component(name "${kernel}" NAME_WE)
        file(STRINGS "${kernel}" newer LIMIT_COUNT 1
             REGEX "^#extension GL_(KHR_cooperative_matrix|EXT_integer_dot_product)")
        if(newer AND LAPIDARY_GLSLANG_VERSION VERSION_LESS LAPIDARY_GLSLANG_WANTED)
            message(STATUS "Shader ${name} is left out: it needs glslang "
                           "${LAPIDARY_GLSLANG_WANTED}, this is ${LAPIDARY_GLSLANG_VERSION}")
            continue()
        endif()
        set(forms "${name}")
        file(STRINGS "${kernel}" quads LIMIT_COUNT 1 REGEX "^#include \"quads.glsl\"")
        if(quads)
            list(APPEND forms "${name}_texels")
        endif()
        foreach(form IN LISTS forms)
            set(define "")
            if(form MATCHES "_texels$")
                set(define "TEXELS")
            endif()
            add_custom_command(
                OUTPUT "${out_dir}/${form}.inc" "${out_dir}/${form}.spv"
                COMMAND "${CMAKE_COMMAND}" "-DGLSLANG=${LAPIDARY_GLSLANG}"
                        "-DSPIRV_VAL=${LAPIDARY_SPIRV_VAL}" "-DSOURCE=${kernel}"
                        "-DINCLUDE=${source_dir}" "-DOUT=${out_dir}/${form}" "-DDEFINE=${define}"
                        -P "${PROJECT_SOURCE_DIR}/cmake/CompileShader.cmake"
                DEPENDS "${kernel}" ${shared} "${LAPIDARY_GLSLANG}"
                        "${PROJECT_SOURCE_DIR}/cmake/CompileShader.cmake"
                COMMENT "Shader ${form}"
                VERBATIM)
            list(APPEND outputs "${out_dir}/${form}.inc")
            string(APPEND includes
                   "constexpr uint32_t k_${form}[] = {\n#include \"${form}.inc\"\n};\n")
            string(APPEND table "    {\"${form}\", k_${form}, std::size(k_${form})},\n")
            math(EXPR n "${n} + 1")
        endforeach()
    endforeach()

    set(SHADER_INCLUDES "${includes}")
    set(SHADER_TABLE "${table}")
    set(SHADER_COUNT ${n})
    configure_file("${PROJECT_SOURCE_DIR}/cmake/embedded_shaders.cpp.in"
                   "${out_dir}/embedded_shaders.cpp" @ONLY)
    add_library(${target} OBJECT "${out_dir}/embedded_shaders.cpp")
    set_source_files_properties("${out_dir}/embedded_shaders.cpp" PROPERTIES
                                OBJECT_DEPENDS "${outputs}")
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}" "${out_dir}")
    set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "")
endfunction()
