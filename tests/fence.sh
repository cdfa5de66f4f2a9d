#!/usr/bin/env bash
# The rules of the house that grep can see. Prints every breach; fails if there is one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
breaches=0

# search REASON GREP_ARGS... : no line may match. A search that fails has found nothing out, so it
# is a breach too.
search() {
    local reason=$1 lines rc=0
    shift
    lines=$(grep -rnE "$@") || rc=$?
    ((rc == 1)) && return
    if ((rc > 1)); then
        reason="grep failed ($rc) on the rule '$reason'"
    fi
    printf '%s:\n%s\n' "$reason" "$lines"
    breaches=$((breaches + 1))
}

# forbid REASON GREP_ARGS... : the same, in C++ files.
forbid() {
    local reason=$1
    shift
    search "$reason" --include='*.h' --include='*.cpp' --include='*.cc' "$@"
}

forbid "gpu/ includes neither model/ nor app/" '#include "(model|app)/' gpu
forbid "model/ does not include app/" '#include "app/' model
forbid "nothing but tests includes tests/" '#include "tests/' gpu model app
forbid "gpu/ has never heard of a transformer" -iw 'tokens?|attention|gemma' gpu
forbid "only app/ui/ knows the window's libraries" '#include [<"](imgui|GLFW|ft2build|backends/imgui)' \
    gpu model app --exclude-dir=ui
forbid "app/ reaches the window only from main.cpp" '#include "app/ui/' app --exclude-dir=ui \
    --exclude=main.cpp
forbid "app/ui/ does not reach into gpu/" '#include "gpu/' app/ui
forbid "in app/ui/ only the window and its presentation include Vulkan" \
    '#include [<"](vulkan/|imgui_impl_vulkan)' app/ui \
    --exclude='window*' --exclude='present*' --exclude='offscreen*'

# Every number on the screen comes from the forward pass: no panel makes one up.
forbid "panels hold no random numbers" \
    '\brand\b|\bsrand|random_device|mt19937|minstd_rand|_distribution<|#include <random>' \
    app/ui/panels
forbid "panels hold no placeholders" -iw 'lorem|ipsum|todo|fixme|dummy_?data|mock|stub' app/ui/panels
for panel in heads head next_token lens token_strip; do
    if ! grep -qE '\bbadge\(' "app/ui/panels/$panel.cpp"; then
        echo "app/ui/panels/$panel.cpp shows data of the model without a source badge"
        breaches=$((breaches + 1))
    fi
done

# Length: 600 lines, headers 200, shaders 250, unless the file says why in its first ten.
if ! grep -q 'files 400, at most 600; shaders 250; headers 200' CONTRIBUTING.md; then
    echo "CONTRIBUTING.md has other lengths than this file"
    breaches=$((breaches + 1))
fi
n_files=0
while IFS= read -r -d '' file; do
    n_files=$((n_files + 1))
    case $file in
    shaders/*) most=250 ;;
    *.h) most=200 ;;
    *) most=600 ;;
    esac
    lines=$(wc -l <"$file")
    if ((lines > most)) && ! head -10 "$file" | grep -q '// long file:'; then
        echo "$file has $lines lines, more than $most; split it, or say why in its head with '// long file: '"
        breaches=$((breaches + 1))
    fi
done < <(find gpu model app shaders tests -type f \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.comp' -o -name '*.glsl' \) -print0)
if ((n_files == 0)); then
    echo "no source file was found to measure"
    breaches=$((breaches + 1))
fi

# One kernel, one file that proves it.
for kernel in shaders/*.comp; do
    name=$(basename "$kernel" .comp)
    if [[ ! -f tests/ops/$name.cpp ]]; then
        echo "$kernel has no tests/ops/$name.cpp"
        breaches=$((breaches + 1))
    fi
done

# All that is ours, the pictures' and the tests' texts too.
tree=(CMakeLists.txt CMakePresets.json vcpkg.json .ci cmake gpu model app shaders tests docs assets
    ./*.md)

# The tree names no package archive: addresses come from the machine's own settings.
hosts='(deb|security|snapshot)[.]debian[.]org|archive[.]ubuntu|(pypi|pythonhosted)[.]org|registry[.]npm|crates[.]io'
search "the tree names no package archive; use the machine's own settings" -I "$hosts" "${tree[@]}"

# Nor a folder of the machine that it was written on. Zoe lives in the tests.
search "the tree names no folder of one machine" -I \
    '(^|[^[:alnum:]_.$}])/((root|Users|work)(/|$|[^[:alnum:]_])|home/([^z]|z[^o]))' "${tree[@]}"

if ((breaches)); then
    echo "fence: $breaches rule(s) broken"
    exit 1
fi
echo "fence: no rule broken"
