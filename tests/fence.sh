#!/usr/bin/env bash
# The rules of the house that grep can see. Prints every breach; fails if there is one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
breaches=0

# forbid REASON GREP_ARGS... : no line may match.
forbid() {
    local reason=$1 lines
    shift
    lines=$(grep -rnE --include='*.h' --include='*.cpp' --include='*.cc' "$@" 2>/dev/null) || return 0
    printf '%s:\n%s\n' "$reason" "$lines"
    breaches=$((breaches + 1))
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

# Length: 600 lines, unless the file says why in its first ten.
while IFS= read -r -d '' file; do
    lines=$(wc -l <"$file")
    if ((lines > 600)) && ! head -10 "$file" | grep -q '// long file:'; then
        echo "$file has $lines lines; split it, or say why in its head with '// long file: '"
        breaches=$((breaches + 1))
    fi
done < <(find gpu model app shaders tests -type f \
    \( -name '*.h' -o -name '*.cpp' -o -name '*.comp' -o -name '*.glsl' \) -print0 2>/dev/null)

# The tree names no package archive: addresses come from the machine's own settings.
hosts='(deb|security|snapshot)[.]debian[.]org|archive[.]ubuntu|(pypi|pythonhosted)[.]org|registry[.]npm|crates[.]io'
files=(CMakeLists.txt CMakePresets.json cmake gpu model app shaders tests .ci vcpkg.json)
if grep -rnIE "$hosts" "${files[@]}" --exclude=fence.sh --exclude-dir=golden 2>/dev/null; then
    echo "^ the tree names no package archive; use the machine's own settings"
    breaches=$((breaches + 1))
fi

if ((breaches)); then
    echo "fence: $breaches rule(s) broken"
    exit 1
fi
echo "fence: no rule broken"
