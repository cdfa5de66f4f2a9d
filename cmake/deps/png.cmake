lapidary_pkg_config(png libpng libpng-dev 1.6)
if(NOT LAPIDARY_png_FOUND)
    lapidary_missing("libpng >= 1.6" libpng-dev)
endif()
