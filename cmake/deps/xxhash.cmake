# Used as a header (XXH_INLINE_ALL), so nothing is linked.
lapidary_header_only(xxhash xxHash xxhash.h xxhash.h
                     "^#define XXH_VERSION_(MAJOR|MINOR|RELEASE) +[0-9]+$" libxxhash-dev)
target_compile_definitions(lapidary_xxhash INTERFACE XXH_INLINE_ALL)
