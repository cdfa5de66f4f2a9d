# Script: one .comp, with the macro ${DEFINE} defined unless that is empty, to ${OUT}.spv (validated) and
# ${OUT}.inc (its words as C++ numbers).
# Any warning of the compiler is an error: it has no flag for that, so its output is read.
set(define "")
if(DEFINE)
    set(define "-D${DEFINE}")
endif()
execute_process(
    COMMAND "${GLSLANG}" -V ${define} --target-env vulkan1.3 "-I${INCLUDE}" -o "${OUT}.spv" "${SOURCE}"
    RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
if(NOT result EQUAL 0 OR text MATCHES "WARNING:")
    file(REMOVE "${OUT}.spv")
    message(FATAL_ERROR "glslang does not accept ${SOURCE} (warnings count):\n${text}")
endif()

execute_process(COMMAND "${SPIRV_VAL}" --target-env vulkan1.3 "${OUT}.spv"
                RESULT_VARIABLE result OUTPUT_VARIABLE text ERROR_VARIABLE text)
if(NOT result EQUAL 0)
    file(REMOVE "${OUT}.spv")
    message(FATAL_ERROR "spirv-val rejects ${SOURCE}:\n${text}")
endif()

file(READ "${OUT}.spv" hex HEX)
string(REGEX REPLACE "(..)(..)(..)(..)" "0x\\4\\3\\2\\1,\n" words "${hex}")
file(WRITE "${OUT}.inc" "${words}")
