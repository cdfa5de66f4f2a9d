#!/usr/bin/env bash
# Every C++ file (but shaders/, whose headers are GLSL too) is as clang-format 14 writes it. Other
# versions write other things, so that without this one the check is skipped (exit status 77).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v clang-format-14 >/dev/null; then
    echo "SKIPPED:"
    echo "clang-format 14 is not here (package clang-format-14)"
    echo
    exit 77
fi
find app gpu model tests -name '*.cpp' -o -name '*.h' -o -name '*.cc' |
    xargs clang-format-14 --dry-run -Werror
echo "format: all files are as clang-format 14 writes them"
