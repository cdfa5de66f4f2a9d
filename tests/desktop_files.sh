#!/usr/bin/env bash
# The desktop entry, the AppStream data and the icons are what their validators want. A validator
# that is not installed is named and left out; 77 (skipped) when none could run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
id=io.github.lapidary.Lapidary
ran=0 failed=0

# check NAME TOOL PACKAGE ARGS... : fails where the tool fails, or says a word.
check() {
    local name=$1 tool=$2 package=$3 words
    shift 3
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $name (no $tool; package $package)"
        return
    fi
    ran=$((ran + 1))
    # What this version of a validator does not know yet is told as information.
    if ! words=$("$tool" "$@" 2>&1); then
        failed=$((failed + 1))
        echo "$name: $words"
    elif grep -E '(^|[[:space:]])(E|W|error|warning|hint):' <<<"$words"; then
        failed=$((failed + 1))
    fi
}
check "desktop entry" desktop-file-validate desktop-file-utils "assets/desktop/$id.desktop"
check "AppStream data" appstreamcli appstream validate --no-net "assets/desktop/$id.metainfo.xml"
check "MIME type" xmllint libxml2-utils --noout "assets/desktop/$id.mime.xml"
check "icons" python3 python3 assets/icon/make_png.py --check

for name in desktop metainfo.xml; do
    grep -q "$id" "assets/desktop/$id.$name" || { echo "$id.$name does not name itself"; failed=1; }
done
grep -q "X11_CLASS_NAME, \"$id\"" app/ui/window/window.cpp || { echo "the window has another class"; failed=1; }

if ((failed)); then exit 1; fi
if ((ran == 0)); then exit 77; fi
echo "desktop files: $ran checks passed"
