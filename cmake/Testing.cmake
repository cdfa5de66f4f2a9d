# Test programs and how ctest runs them.
#
# Catch2 programs are registered once per test file (by Catch2's file-name tags), so
# `ctest -R rms_norm` runs one op and a file without a single test case is a failure. Helpers
# without test cases belong in tests/support/. Tests run in the repository root.

# Where cases are chosen by name or tag: a pattern that matches none fails, so that a case which was
# renamed cannot just stop running.
set(LAPIDARY_EVERY_PATTERN --warn UnmatchedTestSpec)

# lapidary_add_suite(TARGET LABEL SECONDS EXTRA_SOURCES LINK PATTERN...)
function(lapidary_add_suite target label seconds extra link)
    lapidary_sources(files ${ARGN})
    add_executable(${target} ${files} ${extra})
    set(embedded shaders)
    if(target STREQUAL op_tests)
        set(embedded op_test_shaders)
    endif()
    target_link_libraries(${target} PRIVATE test_support ${link} ${embedded} Lapidary::catch2
                                            lapidary_options)
    foreach(file IN LISTS files)
        get_filename_component(stem "${file}" NAME_WE)
        set(test "${label}/${stem}")
        # Catch2 itself fails when nothing matches; 4 means that every case asked to be skipped.
        add_test(NAME ${test} COMMAND ${target} -\# "[#${stem}]"
                 WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
        set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT ${seconds}
                             SKIP_RETURN_CODE 4 ENVIRONMENT "${LAPIDARY_TEST_ENVIRONMENT}")
    endforeach()
endfunction()

# Same bits at every subgroup width and thread count of lavapipe: the cases tagged [width] and, in
# the full run, [width_270m] once more in processes of their own. Each width compiles its own code.
function(lapidary_add_width_tests shader_cache)
    foreach(width IN ITEMS 128 256 512)
        foreach(threads IN ITEMS 1 2)
            set(test model/width_${width}_threads_${threads})
            add_test(NAME ${test} COMMAND model_tests ${LAPIDARY_EVERY_PATTERN} "[width],[width_270m]"
                     WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
            set_tests_properties(${test} PROPERTIES LABELS model TIMEOUT 5400
                SKIP_RETURN_CODE 4
                ENVIRONMENT "MESA_SHADER_CACHE_DIR=${shader_cache}-${width};LP_NATIVE_VECTOR_WIDTH=${width};LP_NUM_THREADS=${threads}")
        endforeach()
    endforeach()
endfunction()

# The fast path chooses its kernels by the device: once as a GPU would have them (several subgroups a
# workgroup, split keys), without 16-bit floats, with the smallest subgroups and no texel buffers, and
# with the largest. Without subgroups there is the plain path alone.
function(lapidary_add_fast_tests shader_cache)
    foreach(form IN ITEMS "as_gpu;${shader_cache};LAPIDARY_DISABLE=cpu"
                          "no_fp16;${shader_cache};LAPIDARY_DISABLE=fp16"
                          "width_128;${shader_cache}-128;LP_NATIVE_VECTOR_WIDTH=128;LAPIDARY_DISABLE=texels"
                          "width_512;${shader_cache}-512;LP_NATIVE_VECTOR_WIDTH=512")
        list(POP_FRONT form name cache)
        add_test(NAME model/fast_${name}
                 COMMAND model_tests ${LAPIDARY_EVERY_PATTERN}
                         "fast path: logits of*,fast path: attention*,fast path: capture*,draws:*,self-test:*,product race:*"
                 WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
        set_tests_properties(model/fast_${name} PROPERTIES LABELS model TIMEOUT 1200
                             ENVIRONMENT "MESA_SHADER_CACHE_DIR=${cache};${form}")
    endforeach()
    add_test(NAME model/plain_no_subgroups COMMAND model_tests ${LAPIDARY_EVERY_PATTERN} -\#
                     "[#properties],[#taps]"
             WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(model/plain_no_subgroups PROPERTIES LABELS model TIMEOUT 1200
        ENVIRONMENT "MESA_SHADER_CACHE_DIR=${shader_cache};LAPIDARY_DISABLE=subgroups")
endfunction()

# tests/fuzz/<name>.cpp is a libFuzzer target in the fuzz preset; elsewhere the same file is linked
# with a small main that replays tests/fuzz/corpus/<name>/.
set(LAPIDARY_FUZZ_SECONDS 30 CACHE STRING "How long ctest runs each libFuzzer target")

function(lapidary_add_fuzzers)
    lapidary_sources(fuzzers tests/fuzz/*.cpp)
    foreach(file IN LISTS fuzzers)
        get_filename_component(name "${file}" NAME_WE)
        set(corpus "${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name}")
        if(LAPIDARY_FUZZ)
            set(target fuzz_${name})
            add_executable(${target} "${file}")
            target_link_options(${target} PRIVATE -fsanitize=fuzzer)
            add_test(NAME fuzz/${name}
                     COMMAND ${target} -max_total_time=${LAPIDARY_FUZZ_SECONDS} -timeout=10
                             "${PROJECT_BINARY_DIR}/corpus/${name}" "${corpus}"
                     WORKING_DIRECTORY "${PROJECT_BINARY_DIR}")
            file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/corpus/${name}")
        else()
            set(target fuzz_replay_${name})
            add_executable(${target} "${file}" "${PROJECT_SOURCE_DIR}/tests/support/fuzz_replay.cc")
            add_test(NAME fuzz/${name} COMMAND ${target} "${corpus}"
                     WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
        endif()
        target_link_libraries(${target} PRIVATE app_core shaders lapidary_options)
        set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 1200
                             ENVIRONMENT "${LAPIDARY_TEST_ENVIRONMENT}")
    endforeach()
endfunction()

function(lapidary_add_tests)
    # lavapipe compiles slowly; keep what it compiled between runs.
    set(shader_cache "${PROJECT_SOURCE_DIR}/.cache/mesa")
    if(DEFINED ENV{MESA_SHADER_CACHE_DIR})
        set(shader_cache "$ENV{MESA_SHADER_CACHE_DIR}")
    endif()
    set(LAPIDARY_TEST_ENVIRONMENT "MESA_SHADER_CACHE_DIR=${shader_cache}")

    lapidary_add_fuzzers()
    if(NOT LAPIDARY_TESTS)
        return()
    endif()

    lapidary_sources(support tests/support/*.cpp)
    # Objects, not an archive: listeners and reporters register themselves.
    add_library(test_support OBJECT ${support})
    target_link_libraries(test_support PUBLIC app_core Lapidary::catch2 PRIVATE lapidary_options)

    lapidary_sources(op_harness tests/op_test*.cpp)
    lapidary_add_suite(unit_tests unit 1200 "" app_core tests/unit/*.cpp)
    add_test(NAME every_pattern COMMAND unit_tests ${LAPIDARY_EVERY_PATTERN} -\#
             "[#queue_test],no case has this name" WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    set_tests_properties(every_pattern PROPERTIES LABELS unit WILL_FAIL TRUE)
    lapidary_add_shaders(op_test_shaders tests/shaders/*.comp)
    lapidary_add_suite(op_tests ops 1200 "${op_harness}" model tests/ops/*.cpp)
    lapidary_add_suite(model_tests model 5400 "" model tests/model/*.cpp)
    lapidary_add_width_tests("${shader_cache}")
    lapidary_add_fast_tests("${shader_cache}")
    # Not tests: what tests/bench/compare.sh and measurements beside it need.
    foreach(program IN ITEMS compare_kl random_model)
        add_executable(${program} tests/bench/${program}.cpp)
        target_link_libraries(${program} PRIVATE test_support app_core shaders Lapidary::catch2
                                                 lapidary_options)
    endforeach()
    # They refuse what they would otherwise take for something else.
    add_test(NAME compare_kl_number COMMAND compare_kl model 5x)
    add_test(NAME compare_kl_large_number COMMAND compare_kl model 4294967299)
    add_test(NAME compare_kl_option COMMAND compare_kl model 5 --pth)
    add_test(NAME random_model_target COMMAND random_model gemma3-270m Q4_0 /nowhere/x.gguf)
    set_tests_properties(compare_kl_number PROPERTIES PASS_REGULAR_EXPRESSION "N is 5x, expected")
    set_tests_properties(compare_kl_large_number PROPERTIES PASS_REGULAR_EXPRESSION
                                                 "N is 4294967299, expected")
    set_tests_properties(compare_kl_option PROPERTIES PASS_REGULAR_EXPRESSION "--pth is no option")
    set_tests_properties(random_model_target PROPERTIES PASS_REGULAR_EXPRESSION
                                             "/nowhere/x.gguf cannot be written")
    set_tests_properties(compare_kl_number compare_kl_large_number compare_kl_option
                         random_model_target PROPERTIES LABELS unit
                         WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    lapidary_add_suite(engine_tests engine 1800 "" app_core tests/engine/*.cpp)
    lapidary_add_suite(cli_tests cli 1800 "" app_core tests/cli/*.cpp)
    # These start the program itself.
    add_dependencies(cli_tests lapidary)
    target_compile_definitions(cli_tests PRIVATE LAPIDARY_PROGRAM="$<TARGET_FILE:lapidary>"
                                                 LAPIDARY_GUI=$<BOOL:${LAPIDARY_HAVE_GUI}>)
    get_property(all_tests DIRECTORY PROPERTY TESTS)
    foreach(test IN LISTS all_tests)
        if(test MATCHES "^engine/")  # these measure how fast a Stop is obeyed
            set_tests_properties(${test} PROPERTIES RUN_SERIAL ON)
        endif()
    endforeach()
    if(LAPIDARY_HAVE_GUI)
        lapidary_add_suite(ui_tests ui 600 "" app_ui tests/ui/*.cpp)
        # Not a test: frame times and the cost of streaming and of doing nothing, on a display.
        add_executable(window_bench tests/bench/window.cpp)
        target_link_libraries(window_bench PRIVATE test_support app_ui shaders Lapidary::catch2
                                                   lapidary_options)
    endif()

    add_test(NAME desktop_files COMMAND bash "${PROJECT_SOURCE_DIR}/tests/desktop_files.sh")
    set_tests_properties(desktop_files PROPERTIES LABELS unit SKIP_RETURN_CODE 77)
    # Python alone: what the training scripts need besides is not on a machine that runs the tests.
    add_test(NAME train_inputs COMMAND python3 "${PROJECT_SOURCE_DIR}/tests/train_inputs.py")
    set_tests_properties(train_inputs PROPERTIES LABELS unit)
    add_test(NAME fence COMMAND bash "${PROJECT_SOURCE_DIR}/tests/fence.sh")
    set_tests_properties(fence PROPERTIES LABELS unit)
    add_test(NAME format COMMAND bash "${PROJECT_SOURCE_DIR}/tests/format.sh")
    set_tests_properties(format PROPERTIES LABELS unit SKIP_RETURN_CODE 77)
endfunction()
