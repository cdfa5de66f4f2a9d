#!/usr/bin/env bash
# Lapidary and llama.cpp's Vulkan build (tests/bench/peer) side by side: same machine, device, driver
# and file, in turns.
#
#   tests/bench/compare.sh [OPTION...] MODEL.gguf
#
#   --rounds N    rounds, each engine once a round and test (5)
#   --tests LIST  of pp128, pp512, tg32, each also as pp128@1024 at that depth
#                 (default: all six)
#   --path NAME   our kernels (default: the program's own)
#   --kl N        ids whose distributions are compared (250; 0: none; needs a model small enough for a
#                 float64 forward on this machine)
#   --no-cold     leave out the start with all caches deleted; the peer's takes many minutes on a CPU
#   --no-start    leave out start-up and memory
#   --quick       --rounds 2 --tests pp128,tg32 --kl 32 --no-cold
#   --new-mesa    both engines on the CPU device of the newest suite's Mesa
#
# Builds build/release first. Progress goes to stderr, the table to stdout; the last line is
#   decode RATIO prefill RATIO kl OURS PEER
# each ratio the smallest of its tests (ours / peer, medians), "-" for what was left out.
# The first run of each engine and test is thrown away; the peer's shaders are kept for the next time.
set -euo pipefail
{  # read as a whole before it runs: the tree may change under a run of an hour
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rounds=5 tests=pp128,pp512,tg32,pp128@1024,pp512@1024,tg32@1024 path=() kl=250 cold=1 start=1 mesa=()
model=
fail() { echo "compare.sh: $*" >&2; exit 1; }
while (($#)); do
    case $1 in
    --rounds) rounds=$2; shift ;;
    --tests) tests=$2; shift ;;
    --path) path=(--path "$2"); shift ;;
    --kl) kl=$2; shift ;;
    --no-cold) cold= ;;
    --no-start) start= ;;
    --quick) rounds=2 tests=pp128,tg32 kl=32 cold= ;;
    --new-mesa) mesa=(--new-mesa) ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) fail "unknown option '$1' (see --help)" ;;
    *) model=$1 ;;
    esac
    shift
done
[[ -e $model ]] || fail "no model file is given (see --help)"
[[ $rounds =~ ^[1-9][0-9]*$ && $kl =~ ^[0-9]+$ ]] || fail "--rounds and --kl take whole numbers"
for test in ${tests//,/ }; do
    [[ $test =~ ^(pp|tg)[1-9][0-9]*(@[1-9][0-9]*)?$ ]] || fail "'$test' is no test (see --help)"
done

say() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }
peer=tests/bench/peer
program=build/release/lapidary
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- Both engines ------------------------------------------------------------------------------

say "building"
[[ -e build/release/build.ninja ]] || cmake --preset release -DLAPIDARY_TESTS=ON >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
cmake --build build/release --target lapidary compare_kl >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
peer_version=$($peer --version | grep -v mesa)  # the driver has a line of its own

# Ours goes through the peer's loader only where it needs the peer's driver.
ours() { if ((${#mesa[@]})); then $peer "${mesa[@]}" "$@"; else "$@"; fi; }
theirs() { $peer "${mesa[@]}" "$@"; }

ours "$program" devices --json >"$work/devices" || fail "no Vulkan device"
device=$(sed -n '/"chosen":true/s/.*"name":"\([^"]*\)".*/\1/p' "$work/devices")
driver=$(sed -n '/"chosen":true/s/.*"driver_version":"\([^"]*\)".*/\1/p' "$work/devices")
# On a CPU device the peer's flash attention compiles for many minutes and is not faster.
attention=(-fa 1)
if grep -q '"type":"cpu".*"chosen":true' "$work/devices"; then attention=(-fa 0); fi

# What the test `pp128@1024` is called in both engines' options.
test_options() {
    local name=${1%@*} depth=0
    [[ $1 != *@* ]] || depth=${1#*@}
    case $name in
    pp*) echo "-p ${name#pp} -n 0 -d $depth" ;;
    tg*) echo "-p 0 -n ${name#tg} -d $depth" ;;
    esac
}

number() { sed -n "s/.*\"$1\": *\([-0-9.e+]*\).*/\1/p" "$2" | tail -1; }
text() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$2" | tail -1; }

# run_ours TEST, run_theirs TEST: one repetition; prints tokens per second.
run_ours() {
    # shellcheck disable=SC2046  # options
    ours "$program" bench -m "$model" $(test_options "$1") --sync -r 1 -o jsonl "${path[@]}" \
        >"$work/ours" 2>"$work/log" || { cat "$work/log" >&2; fail "our bench of $1 failed"; }
    cp "$work/ours" "$work/last_$1"
    number avg_ts "$work/ours"
}
run_theirs() {
    # shellcheck disable=SC2046
    theirs llama-bench -m "$model" -ngl 99 "${attention[@]}" $(test_options "$1") -r 1 -o jsonl \
        >"$work/theirs" 2>"$work/log" || { cat "$work/log" >&2; fail "llama-bench of $1 failed"; }
    [[ $(text backends "$work/theirs") == *Vulkan* ]] || fail "the peer did not use Vulkan"
    [[ $(text gpu_info "$work/theirs") == "$device" ]] ||
        fail "the peer ran on '$(text gpu_info "$work/theirs")', we on '$device' (PEER_DEVICE=N)"
    number avg_ts "$work/theirs"
}

# --- Speed -------------------------------------------------------------------------------------

for test in ${tests//,/ }; do
    say "first run of $test, not counted; on a CPU device the peer may compile for many minutes"
    run_ours "$test" >/dev/null
    run_theirs "$test" >/dev/null
done
load_before=$(cut -d' ' -f1-3 /proc/loadavg)
for ((round = 1; round <= rounds; ++round)); do
    for test in ${tests//,/ }; do
        if ((round % 2)); then
            a=$(run_ours "$test") && b=$(run_theirs "$test")
        else
            b=$(run_theirs "$test") && a=$(run_ours "$test")
        fi
        echo "$a" >>"$work/ours_$test"
        echo "$b" >>"$work/theirs_$test"
        say "round $round of $rounds, $test: $a and $b tokens/s"
    done
done
load_after=$(cut -d' ' -f1-3 /proc/loadavg)

# --- Start-up and memory -----------------------------------------------------------------------

ours_once() { ours "$program" run -m "$model" -p Hello -n "$1" -c 2048 --temp 0 "${path[@]}"; }
theirs_once() {
    theirs llama-completion -m "$model" -p Hello -n "$1" -c 2048 --temp 0 -ngl 99 "${attention[@]}" \
        -no-cnv --no-warmup --simple-io
}
# seconds COMMAND...: from the start of the process to its end.
seconds() {
    local begin end
    begin=$(date +%s%N)
    "$@" >"$work/out" 2>"$work/log" </dev/null || { cat "$work/log" >&2; fail "failed: $*"; }
    end=$(date +%s%N)
    awk -v ns=$((end - begin)) 'BEGIN { printf "%.3f\n", ns / 1e9 }'
}
# memory COMMAND...: the highest RssAnon + RssShmem seen, in MiB.
memory() {
    local pid now peak=0
    "$@" >"$work/out" 2>"$work/log" </dev/null &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        # Of the function's shell and of what it started: the largest is the engine.
        now=$(for p in "$pid" $(pgrep -P "$pid"); do
            awk '/^(RssAnon|RssShmem):/ { sum += $2 } END { print sum + 0 }' "/proc/$p/status" \
                2>/dev/null || echo 0
        done | sort -n | tail -1)
        ((now <= peak)) || peak=$now
        sleep 0.05
    done
    wait "$pid" || { cat "$work/log" >&2; fail "failed: $*"; }
    echo $((peak / 1024))
}
if [[ $start ]]; then
    say "start-up and memory"
    seconds ours_once 1 >/dev/null
    seconds theirs_once 1 >/dev/null
    for ((round = 1; round <= rounds; ++round)); do
        seconds ours_once 1 >>"$work/ours_warm"
        seconds theirs_once 1 >>"$work/theirs_warm"
    done
    memory ours_once 8 >"$work/ours_memory"
    memory theirs_once 8 >"$work/theirs_memory"
fi
if [[ $start && $cold ]]; then
    say "start with all caches deleted, ours"
    for ((round = 1; round <= 3; ++round)); do
        rm -rf "$work/cache"
        mkdir "$work/cache"
        # The peer is found by XDG_CACHE_HOME too: keep it there.
        mkdir -p "$work/cache/lapidary"
        ln -s "${XDG_CACHE_HOME:-$HOME/.cache}/lapidary/peer" "$work/cache/lapidary/peer"
        XDG_CACHE_HOME=$work/cache MESA_SHADER_CACHE_DIR=$work/cache/mesa \
            seconds ours_once 1 >>"$work/ours_cold"
    done
    say "start with all caches deleted, the peer, once; on a CPU device this takes many minutes"
    mkdir "$work/empty"
    PEER_SHADERS=$work/empty seconds theirs_once 1 >"$work/theirs_cold"
fi

# --- Faithfulness ------------------------------------------------------------------------------

ours_kl=- theirs_kl=-
if ((kl)); then
    say "KL over $kl distributions"
    build/release/compare_kl "$model" "$kl" --text >"$work/text"
    # At once, as a prompt is read, and one by one, as text is written.
    for chunk in 512 1; do
        theirs llama-results -m "$model" -ngl 99 "${attention[@]}" -b 2048 -ub $chunk \
            -f "$work/text" -o "$work/peer_$chunk.gguf" >"$work/out" 2>"$work/log" </dev/null ||
            { cat "$work/log" >&2; fail "llama-results failed"; }
    done
    ours build/release/compare_kl "$model" "$kl" "${path[@]}" "$work/peer_512.gguf" \
        "$work/peer_1.gguf" >"$work/kl"
    rm -f "$work"/peer_*.gguf
    sed -i "s|^$work/peer_512.gguf|llama.cpp, at once|; s|^$work/peer_1.gguf|llama.cpp, one by one|" \
        "$work/kl"
    worst_kl() { awk -F'mean KL |, worst' -v who="$1" 'index($1, who) == 1 && $2 > most { most = $2 }
        END { print most }' "$work/kl"; }
    ours_kl=$(worst_kl lapidary) theirs_kl=$(worst_kl llama.cpp)
fi

# --- The table ---------------------------------------------------------------------------------

median() { sort -g "$1" | awk '{ a[NR] = $1 } END { n = int((NR + 1) / 2)
    print NR % 2 ? a[n] : (a[n] + a[n + 1]) / 2 }'; }
# "12.34 (11.80 to 12.50)"
spread() { sort -g "$1" | awk -v m="$(median "$1")" 'NR == 1 { low = $1 } { high = $1 }
    END { printf "%.2f (%.2f to %.2f)", m, low, high }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
row() { printf '| %s | %s | %s | %s |\n' "$@"; }

echo "$(date +%F), $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -m)"
echo "device: $device, $driver"
echo "model: ${model##*/}, sha256 $(sha256sum "$model" | cut -d' ' -f1)"
echo "lapidary: $("$program" --version), $(git describe --always --dirty 2>/dev/null || echo 'no commit')," \
    "path $(text path "$work/last_${tests%%,*}")"
echo "peer: $(tr '\n' ',' <<<"$peer_version" | sed 's/,$//; s/,/, /g'), ${attention[*]}"
echo "rounds: $rounds, median (lowest to highest); load average $load_before before, $load_after after"
echo
row "" lapidary "llama.cpp Vulkan" ratio
row --- --: --: --:
: >"$work/ratios"
for test in ${tests//,/ }; do
    r=$(ratio "$(median "$work/ours_$test")" "$(median "$work/theirs_$test")")
    row "$test, tokens/s" "$(spread "$work/ours_$test")" "$(spread "$work/theirs_$test")" "$r"
    echo "${test:0:2} $r" >>"$work/ratios"
done
for what in warm cold; do
    [[ -e $work/theirs_$what ]] || continue
    row "one token from start to end of the process, $what, s" "$(spread "$work/ours_$what")" \
        "$(spread "$work/theirs_$what")" \
        "$(ratio "$(median "$work/ours_$what")" "$(median "$work/theirs_$what")")"
done
if [[ $start ]]; then
    kv_bytes=$("$program" info -m "$model" --json |
        sed 's/.*"n_ctx":2048,"weights":[0-9]*,"kv":\([0-9]*\).*/\1/')
    goal=$(awk -v file="$(stat -Lc %s "$model")" -v kv="$kv_bytes" \
        'BEGIN { printf "%d", (1.1 * file + kv) / 1048576 + 150 }')
    row "memory at -c 2048, MiB (goal $goal)" "$(<"$work/ours_memory")" "$(<"$work/theirs_memory")" \
        "$(ratio "$(<"$work/ours_memory")" "$(<"$work/theirs_memory")")"
fi
if ((kl)); then
    row "mean KL to the float64 reference, $kl ids" "$ours_kl" "$theirs_kl" \
        "$(awk -v a="$ours_kl" -v b="$theirs_kl" 'BEGIN { printf "%.2g", a / b }')"
    echo
    cat "$work/kl"
fi
echo
for test in ${tests//,/ }; do
    last=$work/last_$test
    awk -v test="$test" -v levels="$(number levels_per_token "$last")" \
        -v layer="$(number levels_per_layer "$last")" -v n="$(number dispatches_per_token "$last")" \
        -v bytes="$(number bytes_per_token "$last")" -v rate="$(number gb_per_s "$last")" \
        -v share="$(number peak_share "$last")" -v host="$(number host_us_per_token "$last")" 'BEGIN {
            printf "%s: %.1f levels (%.2f a layer), %.1f dispatches, %.1f MB, %.0f us of the host per token; " \
                   "%.2f GB/s, %.0f %% of a copy\n", test, levels, layer, n, bytes / 1e6, host, rate, 100 * share }'
done
echo
smallest() { awk -v kind="$1" '$1 == kind && (least == "" || $2 < least) { least = $2 }
    END { print least == "" ? "-" : least }' "$work/ratios"; }
echo "decode $(smallest tg) prefill $(smallest pp) kl $ours_kl $theirs_kl"
exit
}
