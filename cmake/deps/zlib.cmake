lapidary_pkg_config(zlib zlib zlib1g-dev 1.2)
if(NOT LAPIDARY_zlib_FOUND)
    lapidary_missing("zlib >= 1.2" zlib1g-dev)
endif()
