# Installing, and packages: `cmake --build BUILD --target package` makes a deb and a tarball.
#
# The deb takes its libraries from the distribution, but for two that it brings, so that one deb
# serves Debian 12 and 13: fmt, whose name changes with every release, and sentencepiece, whose name
# stayed while its interface changed (0.1.97 to 0.2.0: the program crashed). The tarball brings what a
# bare machine lacks and starts where it is unpacked. Both find them by a run path relative to the
# program. The C and C++ libraries and Vulkan are the machine's own in both.
include(GNUInstallDirs)

set(lapidary_id io.github.lapidary.Lapidary)
set(lapidary_share ${CMAKE_INSTALL_DATADIR}/lapidary)
set(lapidary_private lib/lapidary)  # of libraries, in both

set_target_properties(lapidary PROPERTIES INSTALL_RPATH "$ORIGIN/../${lapidary_private}")
# DT_RPATH, which holds for the libraries of libraries too; DT_RUNPATH does not.
target_link_options(lapidary PRIVATE "LINKER:--disable-new-dtags")
install(TARGETS lapidary RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT program)
install(FILES assets/demo/lapidary-demo.gguf DESTINATION ${lapidary_share} COMPONENT program)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT program)

if(LAPIDARY_HAVE_GUI)
    install(FILES assets/desktop/${lapidary_id}.desktop
            DESTINATION ${CMAKE_INSTALL_DATADIR}/applications COMPONENT program)
    install(FILES assets/desktop/${lapidary_id}.metainfo.xml
            DESTINATION ${CMAKE_INSTALL_DATADIR}/metainfo COMPONENT program)
    install(FILES assets/desktop/${lapidary_id}.mime.xml RENAME ${lapidary_id}.xml
            DESTINATION ${CMAKE_INSTALL_DATADIR}/mime/packages COMPONENT program)
    set(icons ${CMAKE_INSTALL_DATADIR}/icons/hicolor)
    install(FILES assets/icon/lapidary.svg RENAME ${lapidary_id}.svg
            DESTINATION ${icons}/scalable/apps COMPONENT program)
    foreach(size IN ITEMS 16 24 32 48 64 128 256 512)
        install(FILES assets/icon/${size}.png RENAME ${lapidary_id}.png
                DESTINATION ${icons}/${size}x${size}/apps COMPONENT program)
    endforeach()
    # The fonts of the window, for machines without their packages. Both are under the OFL.
    set(LAPIDARY_FONTS /usr/share/fonts CACHE PATH "Where Inter and JetBrains Mono are installed")
    install(CODE "set(fonts \"${LAPIDARY_FONTS}\")" COMPONENT libraries)
    install(CODE [[
        cmake_policy(SET CMP0009 NEW)
        foreach(name IN ITEMS Inter-Regular Inter-Medium Inter-SemiBold Inter-Bold Inter-Italic
                Inter-BoldItalic JetBrainsMono-Regular JetBrainsMono-Medium JetBrainsMono-Bold)
            file(GLOB_RECURSE found "${fonts}/${name}.otf" "${fonts}/${name}.ttf")
            if(NOT found)
                message(FATAL_ERROR "The tarball needs the font ${name}, not found under ${fonts}")
            endif()
            list(GET found 0 file)
            file(INSTALL "${file}" DESTINATION
                 "${CMAKE_INSTALL_PREFIX}/share/lapidary/fonts" USE_SOURCE_PERMISSIONS)
        endforeach()
        foreach(package IN ITEMS fonts-inter fonts-jetbrains-mono)
            if(EXISTS "/usr/share/doc/${package}/copyright")
                file(INSTALL "/usr/share/doc/${package}/copyright" RENAME "${package}.copyright"
                     DESTINATION "${CMAKE_INSTALL_PREFIX}/share/lapidary/fonts")
            endif()
        endforeach()
    ]] COMPONENT libraries)
endif()

# Shared libraries: two for the deb, all for the tarball.
install(CODE "set(program \"$<TARGET_FILE:lapidary>\")" COMPONENT private)
install(CODE "set(program \"$<TARGET_FILE:lapidary>\")" COMPONENT libraries)
set(lapidary_copy_libraries [[
    file(GET_RUNTIME_DEPENDENCIES EXECUTABLES "${program}" RESOLVED_DEPENDENCIES_VAR found
         PRE_INCLUDE_REGEXES ${wanted}
         PRE_EXCLUDE_REGEXES "^lib(c|m|dl|rt|pthread|gcc_s|stdc..|vulkan)[.]so" "^ld-linux"
                             "^libwayland" "^libGL" ${unwanted})
    foreach(library IN LISTS found)
        file(INSTALL "${library}" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/lapidary"
             FOLLOW_SYMLINK_CHAIN)
    endforeach()
]])
install(CODE "set(wanted \"^lib(fmt|sentencepiece)[.]so\")\nset(unwanted \".*\")\n${lapidary_copy_libraries}"
        COMPONENT private)
install(CODE "set(wanted)\nset(unwanted)\n${lapidary_copy_libraries}" COMPONENT libraries)

set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME lapidary)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "Chat with Gemma, and see what happens inside")
set(CPACK_PACKAGE_CONTACT "The Lapidary authors <lapidary@localhost>")
set(CPACK_PACKAGE_VENDOR "The Lapidary authors")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_PROJECT_CONFIG_FILE "${PROJECT_SOURCE_DIR}/cmake/PackageKind.cmake")

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# Opened at run time, so that no tool sees it.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libvulkan1")
if(LAPIDARY_HAVE_GUI)
    string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", fonts-inter, fonts-jetbrains-mono")
endif()
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "mesa-vulkan-drivers, fonts-noto-cjk, fonts-noto-color-emoji")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "Runs Google's Gemma models on any Vulkan GPU or on the CPU, and shows the attention of every
 layer and head while the answer is written. A small model is in the box; no network is used.")
include(CPack)
