# Used as a header (XXH_INLINE_ALL), so nothing is linked.
lapidary_header_only(xxhash xxHash xxhash.h libxxhash-dev)
foreach(part IN ITEMS MAJOR MINOR RELEASE)
    lapidary_read_number(xxhash_${part} "${LAPIDARY_xxhash_INCLUDE}/xxhash.h" XXH_VERSION_${part})
endforeach()
target_compile_definitions(lapidary_xxhash INTERFACE XXH_INLINE_ALL)
lapidary_found(xxHash "${xxhash_MAJOR}.${xxhash_MINOR}.${xxhash_RELEASE}" "system headers")
